"""Every QoS both ways, in MQTT 3.1.1 and 3.1, between clients of either."""

import paho.mqtt.client as mqtt
from support import Peer, assert_equal

for reading in (mqtt.MQTTv31, mqtt.MQTTv311):
    for writing in (mqtt.MQTTv31, mqtt.MQTTv311):
        reader = Peer("reader", protocol=reading)
        writer = Peer("writer", protocol=writing)
        assert_equal(reader.connect(), (0, 0))
        assert_equal(writer.connect(), (0, 0))
        assert_equal(reader.subscribe("readings/#", 2), [2])
        for qos in (0, 1, 2):
            texts = [f"{qos}-{number}" for number in range(200)]
            for text in texts:
                last = writer.client.publish(f"readings/{qos}", text, qos=qos)
            last.wait_for_publish()
            assert_equal(reader.receive(len(texts)), [(f"readings/{qos}", text, qos, False) for text in texts])
        assert_equal(reader.messages.qsize(), 0)
        reader.disconnect()
        writer.disconnect()
print("as expected")
