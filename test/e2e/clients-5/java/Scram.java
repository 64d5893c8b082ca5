// The client's side of SCRAM-SHA-256, as an authentication mechanism of the HiveMQ MQTT Client.

import com.hivemq.client.mqtt.datatypes.MqttUtf8String;
import com.hivemq.client.mqtt.mqtt5.Mqtt5ClientConfig;
import com.hivemq.client.mqtt.mqtt5.auth.Mqtt5EnhancedAuthMechanism;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5Auth;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5AuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.auth.Mqtt5EnhancedAuthBuilder;
import com.hivemq.client.mqtt.mqtt5.message.connect.Mqtt5Connect;
import com.hivemq.client.mqtt.mqtt5.message.connect.connack.Mqtt5ConnAck;
import com.hivemq.client.mqtt.mqtt5.message.disconnect.Mqtt5Disconnect;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

class Scram implements Mqtt5EnhancedAuthMechanism {
    static final Pattern CHALLENGE = Pattern.compile("r=([^,]+),s=([^,]+),i=(\\d+)");
    final String user;
    final String password;
    String bare;
    String verifier;
    boolean isTrusted;

    Scram(String user, String password) {
        this.user = user;
        this.password = password;
    }

    byte[] first() {
        bare = "n=" + user + ",r=" + UUID.randomUUID();
        return Peer.utf8("n,," + bare);
    }

    byte[] answer(String challenge) throws GeneralSecurityException {
        var found = CHALLENGE.matcher(challenge);
        if (!found.matches()) throw new IllegalArgumentException(challenge);
        var salt = Base64.getDecoder().decode(found.group(2));
        var spec = new PBEKeySpec(password.toCharArray(), salt, Integer.parseInt(found.group(3)), 256);
        var salted = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded();
        var proof = hmac(salted, "Client Key");
        var message = bare + "," + challenge + ",c=biws,r=" + found.group(1);
        var signature = hmac(MessageDigest.getInstance("SHA-256").digest(proof), message);
        for (int i = 0; i < proof.length; i++) proof[i] ^= signature[i];
        var base64 = Base64.getEncoder();
        verifier = "v=" + base64.encodeToString(hmac(hmac(salted, "Server Key"), message));
        return Peer.utf8("c=biws,r=" + found.group(1) + ",p=" + base64.encodeToString(proof));
    }

    static byte[] hmac(byte[] key, String message) throws GeneralSecurityException {
        var mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(Peer.utf8(message));
    }

    CompletableFuture<Boolean> trusts(Optional<ByteBuffer> data) {
        isTrusted = data.map(Peer::text).filter(text -> text.equals(verifier)).isPresent();
        return CompletableFuture.completedFuture(isTrusted);
    }

    @Override
    public MqttUtf8String getMethod() {
        return MqttUtf8String.of("SCRAM-SHA-256");
    }

    @Override
    public int getTimeout() {
        return Peer.GUARD_S;
    }

    @Override
    public CompletableFuture<Void> onAuth(Mqtt5ClientConfig config, Mqtt5Connect with, Mqtt5EnhancedAuthBuilder auth) {
        auth.data(first());
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> onReAuth(Mqtt5ClientConfig config, Mqtt5AuthBuilder auth) {
        auth.data(first());
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Boolean> onContinue(Mqtt5ClientConfig config, Mqtt5Auth packet, Mqtt5AuthBuilder auth) {
        try {
            auth.data(answer(Peer.text(packet.getData().orElseThrow())));
            return CompletableFuture.completedFuture(true);
        } catch (GeneralSecurityException error) {
            return CompletableFuture.failedFuture(error);
        }
    }

    @Override
    public CompletableFuture<Boolean> onAuthSuccess(Mqtt5ClientConfig config, Mqtt5ConnAck connack) {
        return trusts(connack.getEnhancedAuth().flatMap(auth -> auth.getData()));
    }

    @Override
    public CompletableFuture<Boolean> onReAuthSuccess(Mqtt5ClientConfig config, Mqtt5Auth auth) {
        return trusts(auth.getData());
    }

    @Override
    public void onAuthRejected(Mqtt5ClientConfig config, Mqtt5ConnAck connack) {}

    @Override
    public void onReAuthRejected(Mqtt5ClientConfig config, Mqtt5Disconnect disconnect) {}

    @Override
    public void onAuthError(Mqtt5ClientConfig config, Throwable cause) {}

    @Override
    public void onReAuthError(Mqtt5ClientConfig config, Throwable cause) {}
}
