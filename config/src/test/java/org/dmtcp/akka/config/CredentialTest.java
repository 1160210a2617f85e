package org.dmtcp.akka.config;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CredentialTest {
  @TempDir Path dir;

  @Test
  void isMadeOnceAndIsTheOwnersAlone() throws IOException {
    Credential first = Credential.open(dir.resolve("a/b"));
    byte[] key = Files.readAllBytes(first.keyFile());

    Credential second = Credential.open(dir.resolve("a/b"));

    assertArrayEquals(key, Files.readAllBytes(second.keyFile()));
    assertEquals(
        PosixFilePermissions.fromString("rw-------"),
        Files.getPosixFilePermissions(second.keyFile()));
    assertEquals(
        PosixFilePermissions.fromString("rwx------"),
        Files.getPosixFilePermissions(dir.resolve("a/b")));
  }

  @Test
  void isOneWhenManyMakeItAtATime() throws IOException {
    Set<CompletableFuture<String>> makers =
        IntStream.range(0, 8)
            .mapToObj(i -> CompletableFuture.supplyAsync(this::openAndReadKey))
            .collect(Collectors.toSet());

    Set<String> keys = makers.stream().map(CompletableFuture::join).collect(Collectors.toSet());

    assertEquals(1, keys.size());
    try (Stream<Path> left = Files.list(dir.resolve("many"))) {
      assertEquals(1, left.count(), "no temporary directory is left");
    }
  }

  private String openAndReadKey() {
    try {
      return Files.readString(Credential.open(dir.resolve("many/c")).keyFile());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void isRefusedWhenOthersMayReadTheKey() throws IOException {
    Path keyFile = Credential.open(dir.resolve("c")).keyFile();
    Files.setPosixFilePermissions(keyFile, PosixFilePermissions.fromString("rw-r-----"));

    assertThrows(IOException.class, () -> Credential.open(dir.resolve("c")));
  }

  @Test
  void letsOnlyItsOwnPeersIn() throws Exception {
    SSLContext ours = Credential.open(dir.resolve("ours")).context();
    SSLContext other = Credential.open(dir.resolve("other")).context();

    assertEquals("hello", exchange(ours, ours));
    assertThrows(Exception.class, () -> exchange(ours, other));
  }

  /** A line from client to server and back. */
  private static String exchange(SSLContext server, SSLContext client) throws Exception {
    InetAddress here = InetAddress.getLoopbackAddress();
    try (SSLServerSocket listener =
        (SSLServerSocket) server.getServerSocketFactory().createServerSocket(0, 1, here)) {
      listener.setNeedClientAuth(true);
      CompletableFuture<Void> served =
          CompletableFuture.runAsync(
              () -> {
                try (SSLSocket peer = (SSLSocket) listener.accept()) {
                  peer.getOutputStream().write(peer.getInputStream().readNBytes(5));
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      try (SSLSocket socket =
          (SSLSocket) client.getSocketFactory().createSocket(here, listener.getLocalPort())) {
        socket.getOutputStream().write("hello".getBytes());
        String answer = new String(socket.getInputStream().readNBytes(5));
        served.join();
        return answer;
      }
    }
  }

  @Test
  void liesWhereTheEnvironmentSays() {
    assertEquals(Path.of("/x/y"), Credential.directory(Map.of("DMTCP_CREDENTIAL_DIR", "/x/y")));
    assertEquals(
        Path.of("/conf/dmtcp-akka/credential"),
        Credential.directory(Map.of("XDG_CONFIG_HOME", "/conf")));
  }
}
