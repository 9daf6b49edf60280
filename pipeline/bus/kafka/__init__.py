"""The bus of many machines, through kafka-python; its own groups spread the work.

A publisher writes to a spool on its own disk first and forwards from there, so no outage loses an
event. A subscriber is a member of the workers' consumer group; where it goes on is said by whoever
asks (the workers' database), and Kafka's own offsets follow for ordinary lag tools only.
"""

from pipeline.bus.kafka.address import KafkaAddress
from pipeline.bus.kafka.publisher import KafkaPublisher
from pipeline.bus.kafka.subscriber import KafkaSubscriber
from pipeline.bus.kafka.topic import check_topic, create_topic

__all__ = ["KafkaAddress", "KafkaPublisher", "KafkaSubscriber", "check_topic", "create_topic"]
