package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorSystem;
import akka.cluster.typed.Join;
import com.typesafe.config.Config;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.dmtcp.akka.config.Credential;

/** The coordinator as the first member of a cluster, which the agents of other hosts join. */
final class Cluster {
  private Cluster() {}

  /** What only this JVM can tell Akka: under which address, and with which key. */
  static Map<String, Object> settings(Config config, Credential credential)
      throws IOException {
    Map<String, Object> keys = new HashMap<>();
    String ssl = "akka.remote.artery.ssl.config-ssl-engine.";
    String store = credential.keyStoreFile().toString();
    for (String kind : List.of("key-store", "trust-store")) {
      keys.put(ssl + kind, store);
      keys.put(ssl + kind + "-password", Credential.KEY_STORE_PASSWORD);
    }
    keys.put(ssl + "key-password", Credential.KEY_STORE_PASSWORD);
    String chosen = config.getString("dmtcp.cluster.hostname");
    keys.put(
        "akka.remote.artery.canonical.hostname", chosen.isEmpty() ? ownAddress() : chosen);
    return keys;
  }

  /** Agents can come from now on; nobody waits for it. */
  static void form(ActorSystem<?> system) {
    akka.cluster.typed.Cluster cluster = akka.cluster.typed.Cluster.get(system);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
  }

  static String address(ActorSystem<?> system) {
    return akka.cluster.typed.Cluster.get(system).selfMember().address().toString();
  }

  /** One by which other hosts can reach us, if there is any. */
  private static String ownAddress() {
    try {
      InetAddress named = InetAddress.getLocalHost();
      if (!named.isLoopbackAddress()) {
        return text(named);
      }
    } catch (UnknownHostException e) {
      // No address for our own name: common on laptops and in containers. Look for ourselves.
    }
    try {
      Optional<InetAddress> first =
          NetworkInterface.networkInterfaces()
              .flatMap(NetworkInterface::inetAddresses)
              .filter(a -> !a.isLoopbackAddress() && !a.isLinkLocalAddress())
              .min(Comparator.comparing(Inet6Address.class::isInstance)); // IPv4 before IPv6
      return text(first.orElse(InetAddress.getLoopbackAddress()));
    } catch (SocketException e) {
      return text(InetAddress.getLoopbackAddress());
    }
  }

  private static String text(InetAddress address) {
    String text = address.getHostAddress();
    return address instanceof Inet6Address ? "[" + text.replaceFirst("%.*", "") + "]" : text;
  }
}
