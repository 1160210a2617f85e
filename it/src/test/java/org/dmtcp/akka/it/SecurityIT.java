package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.dmtcp.akka.config.Credential;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Who knocks at a coordinator's two ports without being its user's own: is sent away, is told of in
 * the log, once, and changes nothing; checkpoints go on as before.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SecurityIT {
  private static final int PATIENCE_MILLIS = 30_000;
  private static final String QUIT = "{\"op\":\"quit\"}";

  private Coordinator coordinator;
  private Session session;
  private final List<Socket> open = new ArrayList<>();

  /** With a program under checkpoint. */
  private void begin(String account) throws IOException {
    Victims.build();
    coordinator = Coordinator.start(Skip.unlessAvailable(account));
    session = new Session(coordinator);
    session.start("job", "dmtcp_launch", "--join", Tree.victim("umask"));
    session.await("job.out", "tick 2");
  }

  @AfterEach
  void end() throws IOException {
    for (Socket socket : open) {
      socket.close();
    }
    if (session != null) {
      coordinator.command("-k");
      coordinator.awaitNobody();
      session.close();
      coordinator.close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void strangersAreSentAwayAndToldOfOnce(String account) throws Exception {
    begin(account);
    SSLContext another = context(strangersStore());
    SSLContext nobody = context(null);
    for (int port : ports()) {
      for (int turn = 0; turn < 3; turn++) {
        mustBeRefused(another, port);
        mustBeRefused(nobody, port);
        mustBeClosed(port, request(QUIT));
        mustBeClosed(port, noise(100_000));
        mustBeClosed(port, "AKKA\1\377\377\377\177".getBytes(StandardCharsets.ISO_8859_1));
        mustWork();
      }
    }
    String log = coordinator.log();
    assertEquals(2, count(log, "refused a connection"), log);
    assertEquals(0, count(log, "\tat "), log);
  }

  /** Connections that come and go, and some that begin to speak and stay. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void whoSaysNothingHoldsNobodyUp(String account) throws Exception {
    begin(account);
    for (int port : ports()) {
      for (int n = 0; n < 100; n++) {
        connect(port).close();
      }
      for (int n = 0; n < 40; n++) {
        Socket slow = connect(port);
        slow.getOutputStream().write(new byte[] {22, 3, 1, 2, 0, 1}); // a ClientHello begins so
        open.add(slow);
      }
    }
    for (int n = 0; n < 3; n++) {
      mustWork();
    }
    // Those that had a thread are closed; then the user's own are served.
    assertTrue(ask(ports().get(0), "{\"op\":\"status\"}").contains("\"ok\":true"));
    mustWork();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void theUsersOwnTalkingNonsenseChangesNothing(String account) throws Exception {
    begin(account);
    int control = ports().get(0);
    assertTrue(ask(control, "{\"op\":\"frobnicate\"}").contains("bad-request"));
    assertTrue(ask(control, "[[[[").contains("bad-request"));
    assertTrue(ask(control, "\"" + "x".repeat((1 << 20) + 10) + "\"").contains("bad-request"));
    for (int port : ports()) {
      for (byte[] words : List.of(noise(100_000),
          "AKKA\1\377\377\377\177AAAA".getBytes(StandardCharsets.ISO_8859_1))) {
        try (SSLSocket own = handshake(context(ownStore()), port)) {
          own.getOutputStream().write(words);
          own.shutdownOutput();
          drain(own);
        } catch (SocketException e) {
          // Reset: sent away in the middle of it.
        }
      }
      mustWork();
    }
  }

  /** Root may open the directory of anybody, and is not its user for that. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN})
  void anotherUserIsNotServedAtTheLocalSocket(String account) throws IOException {
    Skip.unless(Accounts.runsAsRoot(), "needs-root", "there is no other user");
    begin(account);
    Path socket = Path.of(coordinator.environment().get("DMTCP_TMPDIR"));
    try (Stream<Path> all = Files.walk(socket)) {
      socket = all.filter(file -> file.toString().endsWith(".sock")).findFirst().orElseThrow();
    }
    try (SocketChannel stranger = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      stranger.connect(UnixDomainSocketAddress.of(socket));
      ByteBuffer answer = ByteBuffer.allocate(100);
      int bytes;
      try {
        stranger.write(ByteBuffer.wrap((QUIT + "\n").getBytes(StandardCharsets.UTF_8)));
        bytes = stranger.read(answer);
      } catch (IOException e) {
        bytes = -1; // closed before we had said all
      }
      assertEquals(-1, bytes);
    }
    mustWork();
    assertEquals(1, count(coordinator.log(), "refused user root"), coordinator.log());
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void aCredentialThatOthersMayReadIsRefusedByName(String account) throws IOException {
    begin(account);
    Path directory = session.directory().resolve("credential");
    session.set("DMTCP_CREDENTIAL_DIR", directory.toString());
    String start = Tree.bin("dmtcp_coordinator") + " --daemon -p 0 --port-file own";
    String quit = Tree.bin("dmtcp_command") + " -p $(cat own) -q";
    Outcome fine = session.run("sh", "-c", start + " && " + quit);
    assertEquals(0, fine.status(), fine.text());
    for (String spoil : List.of("chmod 644 credential/key.pem", "chmod 750 credential",
        "mv credential/key.pem k && ln -s ../k credential/key.pem")) {
      assertEquals(0, session.run("sh", "-c", spoil).status(), spoil);
      Outcome outcome = session.run("sh", "-c", start);
      assertEquals(99, outcome.status(), spoil + ": " + outcome.text());
      assertTrue(outcome.err().contains("[credential-unusable]"), outcome.err());
      assertTrue(outcome.err().lines().count() >= 2, "no remedy: " + outcome.err());
      session.run("sh", "-c", "chmod 600 credential/key.pem; chmod 700 credential");
    }
    mustWork();
  }

  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void aCredentialOfAnotherUserIsRefusedByName(String account) throws IOException {
    Skip.unless(Accounts.runsAsRoot(), "needs-root", "nobody else can give files away");
    begin(account);
    Path directory = session.directory().resolve("credential");
    session.set("DMTCP_CREDENTIAL_DIR", directory.toString());
    String start = Tree.bin("dmtcp_coordinator") + " --daemon -p 0 --port-file own";
    assertEquals(0, session.run("sh", "-c", start + " && " + Tree.bin("dmtcp_command")
        + " -p $(cat own) -q").status());
    String other = String.valueOf(coordinator.account().uid() == 0 ? 1 : 0);
    for (Path path : List.of(directory.resolve("key.pem"), directory)) {
      assertEquals(0, Command.run(Session.LIMIT, "chown", other, path.toString()).status());
      Outcome outcome = session.run("sh", "-c", start);
      assertEquals(99, outcome.status(), outcome.text());
      assertTrue(outcome.err().contains("[credential-unusable]"), outcome.err());
      Command.run(Session.LIMIT, "chown", String.valueOf(coordinator.account().uid()),
          path.toString());
    }
    mustWork();
  }

  /** The certificate opens the door; what is said is looked at all the same. */
  @ParameterizedTest
  @ValueSource(strings = {Account.PLAIN, Account.ROOT})
  void whatIsNoMessageOfOursIsDroppedAndToldOfOnce(String account) throws Exception {
    begin(account);
    String way = ask(ports().get(0), "{\"op\":\"join\"}");
    Matcher reference = Pattern.compile("\"coordinator\" ?: ?\"([^\"]*)\"").matcher(way);
    assertTrue(reference.find(), way);
    Path store = Files.createTempFile(Tree.WORK, "k", ".jks");
    Files.write(store, ownStore());
    try (Forger forger = new Forger(store)) {
      for (int turn = 0; turn < 3; turn++) {
        forger.sendAll(reference.group(1));
        mustWork();
      }
      Wait.until(Session.LIMIT, coordinator::log, log -> log.contains("dropped a message"),
          () -> "a word of what was dropped");
      mustWork();
    } finally {
      Files.delete(store);
    }
    String log = coordinator.log();
    assertEquals(1, count(log, "dropped a message"), log);
    assertEquals(0, count(log, "\tat "), log);
  }

  // ---- what the tests do

  private void mustWork() throws IOException {
    coordinator.must("-bc");
  }

  private static int count(String text, String what) {
    return text.split(Pattern.quote(what), -1).length - 1;
  }

  /** That of the commands, then that between the JVMs. */
  private List<Integer> ports() throws Exception {
    Matcher address = Pattern.compile("akka://[^\"]*:(\\d+)")
        .matcher(ask(coordinator.port(), "{\"op\":\"join\"}"));
    assertTrue(address.find());
    return List.of(coordinator.port(), Integer.parseInt(address.group(1)));
  }

  /** With the user's own credential. */
  private String ask(int port, String body) throws Exception {
    try (SSLSocket own = handshake(context(ownStore()), port)) {
      own.getOutputStream().write(request(body));
      return drain(own);
    }
  }

  private static byte[] request(String body) {
    return ("POST /command HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
        + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] noise(int bytes) {
    byte[] noise = new byte[bytes];
    new Random(1).nextBytes(noise);
    return noise;
  }

  private Socket connect(int port) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), port);
    socket.setSoTimeout(PATIENCE_MILLIS);
    return socket;
  }

  private SSLSocket handshake(SSLContext context, int port) throws IOException {
    SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket(connect(port), "x", port, true);
    try {
      socket.startHandshake();
    } catch (IOException e) {
      socket.close();
      throw e;
    }
    return socket;
  }

  private static String drain(Socket socket) throws IOException {
    try (InputStream in = socket.getInputStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** In TLS 1.3 a client hears only with the first answer that it is not wanted. */
  private void mustBeRefused(SSLContext context, int port) {
    assertThrows(IOException.class, () -> {
      try (SSLSocket stranger = handshake(context, port)) {
        stranger.getOutputStream().write(request(QUIT));
        if (drain(stranger).isEmpty()) {
          throw new IOException("nothing was answered");
        }
      }
    });
  }

  /** Whoever speaks no TLS gets no answer but perhaps an alert of TLS. */
  private void mustBeClosed(int port, byte[] words) throws IOException {
    try (Socket stranger = connect(port)) {
      stranger.getOutputStream().write(words);
      stranger.shutdownOutput();
      String answer = drain(stranger);
      assertTrue(answer.length() < 10, answer);
    } catch (SocketException e) {
      // Reset: sent away before all was said.
    }
  }

  private byte[] strangersStore() throws IOException {
    Path directory = Files.createTempDirectory(Tree.WORK, "k",
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    try {
      return Files.readAllBytes(Credential.open(directory.resolve("credential")).keyStoreFile());
    } finally {
      Directories.delete(directory);
    }
  }

  private byte[] ownStore() throws IOException {
    Outcome outcome = session.run("sh", "-c",
        "base64 -w 0 \"${XDG_CONFIG_HOME:-$HOME/.config}/dmtcp-akka/credential/store.jks\"");
    assertEquals(0, outcome.status(), outcome.text());
    return Base64.getDecoder().decode(outcome.out());
  }

  /** @param store null: shows no certificate. Trusts everybody, so that the server decides. */
  private static SSLContext context(byte[] store) throws IOException, GeneralSecurityException {
    KeyManager[] keys = new KeyManager[0];
    if (store != null) {
      char[] password = Credential.KEY_STORE_PASSWORD.toCharArray();
      KeyStore own = KeyStore.getInstance("JKS");
      own.load(new ByteArrayInputStream(store), password);
      KeyManagerFactory factory =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      factory.init(own, password);
      keys = factory.getKeyManagers();
    }
    X509TrustManager everybody = new X509TrustManager() {
      @Override
      public void checkClientTrusted(X509Certificate[] chain, String type) {}

      @Override
      public void checkServerTrusted(X509Certificate[] chain, String type) {}

      @Override
      public X509Certificate[] getAcceptedIssuers() {
        return new X509Certificate[0];
      }
    };
    SSLContext context = SSLContext.getInstance("TLSv1.3");
    context.init(keys, new TrustManager[] {everybody}, null);
    return context;
  }
}
