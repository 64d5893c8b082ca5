import paho.mqtt.client as mqtt
import time

def on_connect(client, userdata, flags, rc):
    if rc == 0:
        print("Connected successfully")
        # Subscribe after connection
        client.subscribe("sensors/#", qos=1)
    else:
        print(f"Connection failed with code {rc}")

def on_message(client, userdata, message):
    print(f"Received: {message.topic} = {message.payload.decode()}")

def on_disconnect(client, userdata, rc):
    if rc != 0:
        print(f"Unexpected disconnect: {rc}")

# Create client with persistent session
client = mqtt.Client(
    client_id="sensor_device_1",
    clean_session=False,
    protocol=mqtt.MQTTv311
)

# Set callbacks
client.on_connect = on_connect
client.on_message = on_message
client.on_disconnect = on_disconnect

# Set authentication
client.username_pw_set("device1", "password123")

# Set Last Will
client.will_set(
    "devices/sensor_device_1/status",
    "offline",
    qos=1,
    retain=True
)

# Connect to HiveMQ CE
client.connect("localhost", 1883, keepalive=60)

# Publish online status
client.publish("devices/sensor_device_1/status", "online", qos=1, retain=True)

# Start network loop
client.loop_start()

# Publish sensor data
for i in range(10):
    temperature = 20 + i * 0.5
    client.publish("sensors/temperature", str(temperature), qos=1)
    time.sleep(0.2)

# Graceful disconnect
client.publish("devices/sensor_device_1/status", "offline", qos=1, retain=True)
client.disconnect()
client.loop_stop()
