"""`python -m levtao`."""

from levtao.cli import main

main()
