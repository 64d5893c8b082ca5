"""Subscribes before the complete example runs, and checks what it sends."""

from support import Peer, assert_equal

STATUS = "devices/sensor_device_1/status"

watcher = Peer("watcher")
assert_equal(watcher.connect(), (0, 0))
assert_equal(watcher.subscribe("sensors/#", 1), [1])
assert_equal(watcher.subscribe("devices/#", 1), [1])
print("watching", flush=True)

expected = [(STATUS, "online", 1, False)]
expected += [("sensors/temperature", str(20 + i * 0.5), 1, False) for i in range(10)]
expected += [(STATUS, "offline", 1, False)]
assert_equal(watcher.receive(len(expected)), expected)
assert_equal(watcher.messages.qsize(), 0)

# The status stays for those who come later.
late = Peer("late")
late.connect()
late.subscribe("devices/+/status", 1)
assert_equal(late.receive(1), [(STATUS, "offline", 1, True)])
late.disconnect()
watcher.disconnect()
print("as expected", flush=True)
