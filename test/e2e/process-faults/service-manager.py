# A service manager's socket: prints each message that arrives on one line, its assignments separated by spaces. An
# argument that begins with @ is a name in the abstract namespace.
import socket
import sys

name = sys.argv[1]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0" + name[1:] if name.startswith("@") else name)
print("listening", flush=True)
while True:
    # File descriptors that come with a message, as those that ask whether all before was read, are closed.
    message = manager.recv(4096).decode()
    print(" ".join(message.split()), flush=True)
