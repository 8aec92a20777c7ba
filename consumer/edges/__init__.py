"""One outside thing each: Kafka, the schema registry, the API, who watches us. No edge imports another."""
