"""aiokafka's clients, with two defects mended that would stop them for good: whoever talks to Kafka takes these."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from livestream.kafka.connections import tell_of_closed_connections
from livestream.kafka.header_names import read_whatever_names

__all__ = ["AIOKafkaAdminClient", "AIOKafkaClient", "AIOKafkaConsumer", "AIOKafkaProducer"]

read_whatever_names()
tell_of_closed_connections()
