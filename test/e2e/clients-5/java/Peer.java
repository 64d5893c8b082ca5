// The HiveMQ MQTT Client with what a scenario needs around it: it keeps what it gets until the scenario takes it.

import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient;
import com.hivemq.client.mqtt.mqtt5.Mqtt5BlockingClient.Mqtt5Publishes;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5DisconnectException;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5PubAckException;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5PubRecException;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PayloadFormatIndicator;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishBuilder;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishResult;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5Subscription;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;

class Peer {
    // A guard against waiting without a limit; nothing is expected to take this long.
    static final int GUARD_S = 20;
    static String host;
    static int port;

    final Mqtt5BlockingClient client;
    final Mqtt5Publishes publishes;
    final Mqtt5ConnAck connack;
    final LinkedBlockingQueue<Integer> endings = new LinkedBlockingQueue<>();

    Peer(String clientId) {
        this(clientId, Mqtt5Connect.builder());
    }

    Peer(String clientId, Mqtt5ConnectBuilder connect) {
        var building = MqttClient.builder().useMqttVersion5().serverHost(host).serverPort(port);
        if (!clientId.isEmpty()) building.identifier(clientId);
        client = building.addDisconnectedListener(context -> endings.add(
                context.getCause() instanceof Mqtt5DisconnectException ended
                        ? ended.getMqttMessage().getReasonCode().getCode() : -1)).buildBlocking();
        publishes = client.publishes(MqttGlobalPublishFilter.ALL);
        connack = client.connect(connect.build());
    }

    void subscribe(String... filters) {
        var subscriptions = Stream.of(filters)
                .map(each -> Mqtt5Subscription.builder().topicFilter(each).qos(MqttQos.AT_LEAST_ONCE).build());
        client.subscribeWith().addSubscriptions(subscriptions.toList()).send();
    }

    int publish(String topic, String payload) {
        return publish(topic, payload, message -> {});
    }

    /** The Reason Code that acknowledged the message. */
    int publish(String topic, String payload, Consumer<Mqtt5PublishBuilder.Complete> with) {
        var message = Mqtt5Publish.builder().topic(topic).payload(utf8(payload)).qos(MqttQos.AT_LEAST_ONCE);
        with.accept(message);
        try {
            var result = client.publish(message.build());
            return result instanceof Mqtt5PublishResult.Mqtt5Qos2Result exactly
                    ? exactly.getPubRec().getReasonCode().getCode()
                    : ((Mqtt5PublishResult.Mqtt5Qos1Result) result).getPubAck().getReasonCode().getCode();
        } catch (Mqtt5PubAckException refused) {
            return refused.getMqttMessage().getReasonCode().getCode();
        } catch (Mqtt5PubRecException refused) {
            return refused.getMqttMessage().getReasonCode().getCode();
        }
    }

    List<Map<String, Object>> receive(int count) throws Exception {
        var messages = new ArrayList<Map<String, Object>>();
        for (int i = 0; i < count; i++)
            messages.add(reported(publishes.receive(GUARD_S, TimeUnit.SECONDS).orElseThrow()));
        return messages;
    }

    List<Map<String, Object>> receiveUntil(String topic) throws Exception {
        var messages = receive(1);
        while (!messages.get(messages.size() - 1).get("topic").equals(topic)) messages.addAll(receive(1));
        return messages.subList(0, messages.size() - 1);
    }

    void endSession() {
        client.disconnectWith().sessionExpiryInterval(0).send();
    }

    int ending() throws Exception {
        return endings.poll(GUARD_S, TimeUnit.SECONDS);
    }

    /** The connection is lost without a DISCONNECT: the client has no function for that, but the relay does it. */
    void vanish() throws Exception {
        client.toAsync().publishWith().topic("relay/cut").send();
        ending();
    }

    /** A received message as every client of the suite reports it. */
    static Map<String, Object> reported(Mqtt5Publish message) {
        var report = new LinkedHashMap<String, Object>();
        report.put("topic", message.getTopic().toString());
        report.put("payload", new String(message.getPayloadAsBytes(), StandardCharsets.UTF_8));
        report.put("qos", message.getQos().getCode());
        report.put("retain", message.isRetain());
        message.getMessageExpiryInterval().ifPresent(seconds -> report.put("expiry", seconds));
        message.getContentType().ifPresent(type -> report.put("contentType", type.toString()));
        message.getResponseTopic().ifPresent(topic -> report.put("responseTopic", topic.toString()));
        message.getCorrelationData()
                .ifPresent(data -> report.put("correlationData", HexFormat.of().formatHex(bytes(data))));
        message.getPayloadFormatIndicator()
                .ifPresent(format -> report.put("isText", format == Mqtt5PayloadFormatIndicator.UTF_8));
        var pairs = message.getUserProperties().asList().stream()
                .map(pair -> List.of(pair.getName().toString(), pair.getValue().toString())).toList();
        if (!pairs.isEmpty()) report.put("userProperties", pairs);
        return report;
    }

    static byte[] bytes(ByteBuffer buffer) {
        var copy = new byte[buffer.remaining()];
        buffer.duplicate().get(copy);
        return copy;
    }

    static String text(ByteBuffer buffer) {
        return new String(bytes(buffer), StandardCharsets.UTF_8);
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
