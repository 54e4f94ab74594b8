"""The log: the narrow port everything here needs of Kafka, the real thing behind it, and its twin in memory."""
