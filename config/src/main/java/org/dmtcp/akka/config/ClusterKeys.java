package org.dmtcp.akka.config;

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
import java.util.function.Supplier;

/** How a JVM of ours takes part in a cluster: under which address, and with which key. */
public final class ClusterKeys {
  private ClusterKeys() {}

  /**
   * Akka's keys that only this JVM can tell.
   *
   * @param ownAddress by which the others reach us, if none is configured
   */
  public static Map<String, Object> of(
      Config config, Credential credential, Supplier<InetAddress> ownAddress) throws IOException {
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
        "akka.remote.artery.canonical.hostname", chosen.isEmpty() ? text(ownAddress.get()) : chosen);
    return keys;
  }

  /** One by which other hosts can reach us, if there is any. */
  public static InetAddress ownAddress() {
    try {
      InetAddress named = InetAddress.getLocalHost();
      if (!named.isLoopbackAddress()) {
        return named;
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
      return first.orElse(InetAddress.getLoopbackAddress());
    } catch (SocketException e) {
      return InetAddress.getLoopbackAddress();
    }
  }

  private static String text(InetAddress address) {
    String text = address.getHostAddress();
    return address instanceof Inet6Address ? "[" + text.replaceFirst("%.*", "") + "]" : text;
  }
}
