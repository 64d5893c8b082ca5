// The scenarios with the HiveMQ MQTT Client: one JSON line for each. Arguments: host and port of a relay to the broker.

import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperties;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperty;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5ConnAckException;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5SubAckException;
import com.hivemq.client.mqtt.mqtt5.message.Mqtt5ReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5ConnectBuilder;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5DisconnectReasonCode;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PayloadFormatIndicator;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5PublishBuilder;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5RetainHandling;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

public class Scenarios {
    interface Scenario {
        Map<String, Object> play() throws Exception;
    }

    public static void main(String[] args) throws Exception {
        Peer.host = args[0];
        Peer.port = Integer.parseInt(args[1]);
        var scenarios = new LinkedHashMap<String, Scenario>();
        scenarios.put("connack", Scenarios::connack);
        scenarios.put("session", Scenarios::session);
        scenarios.put("will", Scenarios::will);
        scenarios.put("expiry", Scenarios::expiry);
        scenarios.put("aliases", Scenarios::aliases);
        scenarios.put("shared", Scenarios::shared);
        scenarios.put("request", Scenarios::request);
        scenarios.put("properties", Scenarios::properties);
        scenarios.put("identifiers", () -> Map.of("cannot", "no Subscription Identifiers"));
        scenarios.put("options", Scenarios::options);
        scenarios.put("reasons", Scenarios::reasons);
        scenarios.put("scram", Scenarios::scram);
        for (var each : scenarios.entrySet()) {
            var report = new LinkedHashMap<String, Object>(Map.of("scenario", each.getKey()));
            report.putAll(each.getValue().play());
            System.out.println(json(report));
        }
        System.exit(0);
    }

    static Map<String, Object> connack() {
        var asking = asStored(Mqtt5Connect.builder().keepAlive(600)).cleanStart(true).sessionExpiryInterval(7200);
        var given = new Peer("", asking).connack;
        return Map.of(
                "assignedClientIdentifier", given.getAssignedClientIdentifier().orElseThrow().toString(),
                "receiveMaximum", given.getRestrictions().getReceiveMaximum(),
                "topicAliasMaximum", given.getRestrictions().getTopicAliasMaximum(),
                "serverKeepAlive", given.getServerKeepAlive().orElseThrow(),
                "sessionExpiryInterval", given.getSessionExpiryInterval().orElseThrow());
    }

    static Map<String, Object> session() throws Exception {
        var first = new Peer("session", stored());
        first.client.subscribeWith().topicFilter("session/+").qos(MqttQos.EXACTLY_ONCE).send();
        first.client.disconnect();
        var publisher = new Peer("session-publisher");
        for (var qos : List.of(1, 2))
            publisher.publish("session/" + qos, "at " + qos, message -> message.qos(MqttQos.fromCode(qos)));
        var second = new Peer("session", stored());
        var messages = second.receive(2);
        second.endSession();
        var third = new Peer("session", stored());
        var present = Stream.of(first, second, third).map(peer -> peer.connack.isSessionPresent()).toList();
        return Map.of("present", present, "messages", messages);
    }

    static Map<String, Object> will() throws Exception {
        var watcher = new Peer("will-watcher");
        watcher.subscribe("will/+");
        withWill("disconnected", 0).client.disconnectWith()
                .reasonCode(Mqtt5DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE).send();
        var messages = watcher.receive(1);
        // The end of a session publishes a will that waits; this one does not wait any more.
        withWill("cancelled", 300).vanish();
        new Peer("will-cancelled", stored()).endSession();
        withWill("session-ended", 300).vanish();
        new Peer("will-session-ended");
        messages.addAll(watcher.receive(1));
        withWill("delayed", 1).vanish();
        messages.addAll(watcher.receive(1));
        return Map.of("messages", messages);
    }

    static Peer withWill(String name, int delay) {
        return new Peer("will-" + name, stored().willPublish()
                .topic("will/" + name).payload(Peer.utf8("gone")).qos(MqttQos.AT_LEAST_ONCE).delayInterval(delay)
                .contentType("text/plain").userProperties(Mqtt5UserProperties.of(Mqtt5UserProperty.of("of", name)))
                .applyWillPublish());
    }

    static Map<String, Object> expiry() throws Exception {
        var away = new Peer("expiry", stored());
        away.subscribe("expiry/+");
        away.client.disconnect();
        var publisher = new Peer("expiry-publisher");
        publisher.publish("expiry/short", "expires", message -> message.messageExpiryInterval(1));
        publisher.publish("expiry/long", "stays", message -> message.messageExpiryInterval(100));
        Thread.sleep(2000);
        return Map.of("messages", new Peer("expiry", stored()).receive(1));
    }

    static Map<String, Object> aliases() throws Exception {
        var limits = Mqtt5Connect.builder().restrictions().topicAliasMaximum(5).applyRestrictions();
        var subscriber = new Peer("aliases-subscriber", limits);
        subscriber.subscribe("alias/+");
        // The client assigns aliases by itself.
        var publisher = new Peer("aliases-publisher");
        for (int i = 0; i < 6; i++) publisher.publish("alias/" + i % 2, "" + i);
        return Map.of("messages", subscriber.receive(6));
    }

    static Map<String, Object> shared() throws Exception {
        var members = List.of(new Peer("shared-1"), new Peer("shared-2"));
        for (var member : members) member.subscribe("$share/group/shared/+", "end");
        var publisher = new Peer("shared-publisher");
        for (int i = 0; i < 10; i++) publisher.publish("shared/" + i, "" + i);
        publisher.publish("end", "end");
        return Map.of("members", List.of(members.get(0).receiveUntil("end"), members.get(1).receiveUntil("end")));
    }

    static Map<String, Object> request() throws Exception {
        var responder = new Peer("responder");
        var requester = new Peer("requester");
        responder.subscribe("request/+");
        requester.subscribe("response/requester");
        requester.publish("request/sum", "1+2", message -> message
                .responseTopic("response/requester").correlationData(new byte[] {0, 1, (byte) 255}));
        var asked = responder.receive(1).get(0);
        var correlation = HexFormat.of().parseHex((String) asked.get("correlationData"));
        responder.publish((String) asked.get("responseTopic"), "3", message -> message.correlationData(correlation));
        return Map.of("request", asked, "response", requester.receive(1).get(0));
    }

    static Map<String, Object> properties() throws Exception {
        var subscriber = new Peer("properties");
        var publisher = new Peer("properties-publisher");
        subscriber.subscribe("properties/live");
        Consumer<Mqtt5PublishBuilder.Complete> given = message -> message
                .payloadFormatIndicator(Mqtt5PayloadFormatIndicator.UTF_8).contentType("text/plain")
                .userProperties(Mqtt5UserProperties.of(
                        Mqtt5UserProperty.of("b", "1"), Mqtt5UserProperty.of("a", "2"),
                        Mqtt5UserProperty.of("b", "3"), Mqtt5UserProperty.of("größe", "")));
        publisher.publish("properties/live", "Grüße", given);
        publisher.publish("properties/retained", "Grüße", given.andThen(message -> message.retain(true)));
        var messages = subscriber.receive(1);
        subscriber.subscribe("properties/retained");
        messages.addAll(subscriber.receive(1));
        return Map.of("messages", messages);
    }

    static Map<String, Object> options() throws Exception {
        var subscriber = new Peer("options");
        var publisher = new Peer("options-publisher");
        publisher.publish("options/before", "not wanted", message -> message.retain(true));
        subscriber.client.subscribeWith().topicFilter("options/+").qos(MqttQos.AT_LEAST_ONCE)
                .noLocal(true).retainAsPublished(true).retainHandling(Mqtt5RetainHandling.DO_NOT_SEND).send();
        subscriber.publish("options/own", "not wanted");
        publisher.publish("options/after", "wanted", message -> message.retain(true));
        return Map.of("messages", subscriber.receive(1));
    }

    static Map<String, Object> reasons() throws Exception {
        var peer = new Peer("reasons");
        var unheard = new ArrayList<Integer>();
        var denied = new ArrayList<Integer>();
        for (var qos : List.of(MqttQos.AT_LEAST_ONCE, MqttQos.EXACTLY_ONCE)) {
            unheard.add(peer.publish("unheard", "x", message -> message.qos(qos)));
            denied.add(peer.publish("forbidden/x", "x", message -> message.qos(qos)));
        }
        List<Integer> subscribed = List.of();
        try {
            peer.subscribe("forbidden/x", "allowed");
        } catch (Mqtt5SubAckException refused) {
            subscribed = codes(refused.getMqttMessage().getReasonCodes());
        }
        var unsuback = peer.client.unsubscribeWith().addTopicFilter("allowed").addTopicFilter("unknown").send();
        new Peer("reasons");
        return Map.of("unheard", unheard, "denied", denied, "subscribed", subscribed,
                "unsubscribed", codes(unsuback.getReasonCodes()), "takenOver", peer.ending());
    }

    static List<Integer> codes(List<? extends Mqtt5ReasonCode> codes) {
        return codes.stream().map(Mqtt5ReasonCode::getCode).toList();
    }

    static Map<String, Object> scram() {
        var scram = new Scram("alice", "secret");
        var peer = new Peer("", Mqtt5Connect.builder().enhancedAuth(scram));
        boolean isTrusted = scram.isTrusted;
        scram.isTrusted = false;
        peer.client.reauth();
        int wrong = 0;
        try {
            new Peer("", Mqtt5Connect.builder().enhancedAuth(new Scram("alice", "wrong")));
        } catch (Mqtt5ConnAckException refused) {
            wrong = refused.getMqttMessage().getReasonCode().getCode();
        }
        return Map.of("isTrusted", isTrusted, "again", scram.isTrusted, "wrong", wrong);
    }

    static Mqtt5ConnectBuilder stored() {
        return asStored(Mqtt5Connect.builder());
    }

    static Mqtt5ConnectBuilder asStored(Mqtt5ConnectBuilder connect) {
        return connect.cleanStart(false).sessionExpiryInterval(300);
    }

    static String json(Object value) {
        if (value instanceof Map<?, ?> map)
            return map.entrySet().stream().map(entry -> json(entry.getKey()) + ":" + json(entry.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        if (value instanceof List<?> list)
            return list.stream().map(Scenarios::json).collect(Collectors.joining(",", "[", "]"));
        return value instanceof String text ? '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"' : "" + value;
    }
}
