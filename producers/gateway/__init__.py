"""The gateway: what participants and operators ask for, over HTTP or from the command line, written as inputs."""
