package org.dmtcp.akka.it;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorRefResolver;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import akka.serialization.JSerializer;
import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.io.Output;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.dmtcp.akka.config.Credential;
import org.dmtcp.akka.config.JvmConfig;

/** A JVM with the user's own credential that sends what no JVM of ours would. */
final class Forger implements AutoCloseable {
  /** Travels as it is, as if our serializer had made it. */
  record Forged(byte[] bytes) {}

  /** Called by Akka, by its name. */
  public static final class Serializer extends JSerializer {
    @Override
    public int identifier() {
      return 77790001; // WireSerializer's
    }

    @Override
    public boolean includeManifest() {
      return false;
    }

    @Override
    public byte[] toBinary(Object message) {
      return ((Forged) message).bytes();
    }

    @Override
    public Object fromBinaryJava(byte[] bytes, Class<?> manifest) {
      return new Forged(bytes);
    }
  }

  private final ActorSystem<Void> system;

  /** @param store with the user's credential */
  Forger(Path store) {
    Map<String, Object> keys = new HashMap<>();
    String ssl = "akka.remote.artery.ssl.config-ssl-engine.";
    for (String kind : List.of("key-store", "trust-store")) {
      keys.put(ssl + kind, store.toString());
      keys.put(ssl + kind + "-password", Credential.KEY_STORE_PASSWORD);
    }
    keys.put(ssl + "key-password", Credential.KEY_STORE_PASSWORD);
    keys.put("akka.remote.artery.canonical.hostname", "127.0.0.1");
    keys.put("akka.loglevel", "OFF");
    keys.put("akka.actor.provider", "remote"); // it never joins, so it has nothing to leave
    keys.put("akka.actor.allow-java-serialization", "on");
    keys.put("akka.actor.serializers.dmtcp-wire", Serializer.class.getName());
    String bindings = "akka.actor.serialization-bindings.";
    keys.put(bindings + '"' + Forged.class.getName() + '"', "dmtcp-wire");
    keys.put(bindings + '"' + Date.class.getName() + '"', "java");
    system = ActorSystem.create(Behaviors.empty(), "dmtcp", JvmConfig.load(keys));
  }

  /**
   * A class of which only the name is known, one of an unknown number, a text that is longer than
   * any memory, noise, nothing, and an object as Java writes it.
   *
   * @param reference of the actor that is to get them
   */
  void sendAll(String reference) {
    ActorRef<Object> to = ActorRefResolver.get(system).resolveActorRef(reference);
    Kryo open = new Kryo();
    open.setRegistrationRequired(false);
    Output named = new Output(100, -1);
    open.writeClassAndObject(named, new StringBuilder("/tmp/x"));
    Output unregistered = new Output(100, -1);
    unregistered.writeVarInt(1, true); // what follows is a name
    unregistered.writeVarInt(0, true);
    unregistered.writeString(File.class.getName());
    Output unknown = new Output(100, -1);
    unknown.writeVarInt(99_999, true);
    byte[] endless = {(byte) (106 + 2), 1, -1, -1, -1, -1, 0x0f, 'x'}; // a Failure of 2^31 letters
    byte[] endless2 = {(byte) (106 + 2), -1, -1, -1, -1, 0x0f, 'x'};
    for (byte[] bytes : List.of(named.toBytes(), unregistered.toBytes(), unknown.toBytes(), endless,
        endless2, new byte[0], "no message".getBytes(StandardCharsets.US_ASCII))) {
      to.tell(new Forged(bytes));
    }
    to.tell(new Date());
  }

  @Override
  public void close() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().orTimeout(60, TimeUnit.SECONDS).join();
  }
}
