package org.dmtcp.akka.agent.host;

import akka.actor.AddressFromURIString;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

/**
 * Asks a coordinator's control port (docs/control-port.md) for the way into its cluster. By hand on
 * a socket: that also tells the address of ours by which the coordinator can reach us, and an HTTP
 * client would cost a tenth of a second at every start.
 */
final class ControlClient {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int MAX_ANSWER_BYTES = 1 << 16;
  private static final byte[] BODY = "{\"op\":\"join\"}".getBytes(StandardCharsets.US_ASCII);

  /**
   * The answer.
   *
   * @param node the coordinator's host
   * @param address of the cluster's first member
   * @param coordinator reference of the coordinator
   * @param ownAddress from which we asked
   */
  record Way(String node, String address, String coordinator, InetAddress ownAddress) {
    /** By which the coordinator's host is known in its cluster, whatever name we asked for. */
    String host() {
      return AddressFromURIString.parse(address).getHost().get().replaceAll("[\\[\\]]", "");
    }
  }

  private ControlClient() {}

  /**
   * @param limit for the connection, and again for every part of the answer
   * @throws IOException nobody answers there, or not with our credential; the text says which
   */
  static Way ask(SSLContext context, String host, int port, Duration limit) throws IOException {
    int millis = Math.toIntExact(limit.toMillis());
    try (Socket plain = new Socket()) {
      plain.connect(new InetSocketAddress(host, port), millis);
      plain.setSoTimeout(millis);
      InetAddress own = plain.getLocalAddress();
      // The certificate says who we are, not where: the name is not compared.
      SSLSocket socket =
          (SSLSocket) context.getSocketFactory().createSocket(plain, host, port, false);
      socket.setUseClientMode(true);
      socket.startHandshake();
      String head = "POST /command HTTP/1.1\r\nHost: " + host + ":" + port
          + "\r\nContent-Type: application/json\r\nContent-Length: " + BODY.length
          + "\r\nConnection: close\r\n\r\n";
      ByteArrayOutputStream request = new ByteArrayOutputStream();
      request.writeBytes(head.getBytes(StandardCharsets.US_ASCII));
      request.writeBytes(BODY);
      socket.getOutputStream().write(request.toByteArray());
      socket.getOutputStream().flush();
      return way(body(socket.getInputStream()), own);
    }
  }

  private static byte[] body(InputStream in) throws IOException {
    byte[] all = in.readNBytes(MAX_ANSWER_BYTES);
    String text = new String(all, StandardCharsets.ISO_8859_1);
    int start = text.indexOf("\r\n\r\n");
    if (!text.startsWith("HTTP/1.1 200") || start < 0) {
      throw new IOException("no coordinator of ours answers there");
    }
    return text.substring(start + 4).getBytes(StandardCharsets.ISO_8859_1);
  }

  private static Way way(byte[] body, InetAddress own) throws IOException {
    JsonNode answer = JSON.readTree(body);
    String node = answer.path("node").asText();
    String address = answer.path("address").asText();
    String coordinator = answer.path("coordinator").asText();
    if (node.isEmpty() || address.isEmpty() || coordinator.isEmpty()) {
      throw new IOException("the coordinator there does not understand us");
    }
    return new Way(node, address, coordinator, own);
  }
}
