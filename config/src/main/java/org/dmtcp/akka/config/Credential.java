package org.dmtcp.akka.config;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * What tells a user's own JVMs from everybody else's: one key and one self-signed certificate, made
 * on first use, which is the only one that is trusted. {@code key.pem} and {@code cert.pem} in a
 * directory that is the user's alone; carried to another host by ssh.
 */
public final class Credential {
  private static final Set<PosixFilePermission> OWNER_ONLY =
      PosixFilePermissions.fromString("rwx------");
  private static final Set<PosixFilePermission> PRIVATE =
      PosixFilePermissions.fromString("rw-------");

  public static final String KEY_STORE_PASSWORD = "dmtcp-akka";

  private final Path directory;

  private Credential(Path directory) {
    this.directory = directory;
  }

  /** What is there is no credential; the message names the place. */
  public static final class UnusableException extends IOException {
    private static final long serialVersionUID = 1L;

    UnusableException(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /**
   * {@code DMTCP_CREDENTIAL_DIR}, else {@code dmtcp-akka/credential} in the user's configuration
   * directory: one for all hosts where the home directory is shared.
   */
  public static Path directory(Map<String, String> environment) {
    String chosen = environment.getOrDefault("DMTCP_CREDENTIAL_DIR", "");
    if (!chosen.isEmpty()) {
      return Path.of(chosen).toAbsolutePath();
    }
    String base = environment.getOrDefault("XDG_CONFIG_HOME", "");
    Path configuration =
        base.startsWith("/") ? Path.of(base) : Path.of(System.getProperty("user.home"), ".config");
    return configuration.resolve("dmtcp-akka/credential");
  }

  /**
   * The credential in {@code directory}, which is made if it is missing.
   *
   * @throws IOException it cannot be made, or others than the user may have touched it
   */
  public static Credential open(Path directory) throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      create(directory);
    }
    for (Path path : new Path[] {directory, directory.resolve("key.pem")}) {
      int owner = (Integer) Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
      Set<PosixFilePermission> mode =
          Files.getPosixFilePermissions(path, LinkOption.NOFOLLOW_LINKS);
      if (owner != RuntimePaths.uid() || !OWNER_ONLY.containsAll(mode)) {
        throw new IOException(path + " is not the user's alone");
      }
    }
    return new Credential(directory);
  }

  public Path keyFile() {
    return directory.resolve("key.pem");
  }

  public Path certificateFile() {
    return directory.resolve("cert.pem");
  }

  /**
   * The same as a key store, for Akka, which reads no PEM file with an EC key; made when it is
   * missing. Its password protects nothing: the directory does. Of the old type JKS, because the
   * other one derives its keys in tens of thousands of steps: 0.1 s at every start.
   */
  public Path keyStoreFile() throws IOException {
    Path file = directory.resolve("store.jks");
    if (!Files.exists(file)) {
      Path temporary =
          Files.createTempFile(
              directory, ".new", ".jks", PosixFilePermissions.asFileAttribute(PRIVATE));
      try (OutputStream out = Files.newOutputStream(temporary)) {
        keyStore().store(out, KEY_STORE_PASSWORD.toCharArray());
      } catch (GeneralSecurityException | IllegalArgumentException e) {
        throw new UnusableException(directory + " holds a damaged key or certificate", e);
      }
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    }
    return file;
  }

  private KeyStore keyStore() throws IOException, GeneralSecurityException {
    char[] password = KEY_STORE_PASSWORD.toCharArray();
    CertificateFactory certificates = CertificateFactory.getInstance("X.509");
    Certificate certificate =
        certificates.generateCertificate(new ByteArrayInputStream(pem(certificateFile())));
    PrivateKey key =
        KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pem(keyFile())));
    KeyStore store = KeyStore.getInstance("JKS");
    store.load(null, password);
    store.setKeyEntry("own", key, password, new Certificate[] {certificate});
    store.setCertificateEntry("trusted", certificate);
    return store;
  }

  /** Shows our certificate and trusts no other. The peer's must be asked for by the server. */
  public SSLContext context() throws IOException {
    try {
      KeyStore store = keyStore();
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(store, KEY_STORE_PASSWORD.toCharArray());
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(store);
      SSLContext context = SSLContext.getInstance("TLSv1.3");
      context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new UnusableException(directory + " holds a damaged key or certificate", e);
    }
  }

  /** Both files appear at once, and where two make it at a time, one of them wins. */
  private static void create(Path directory) throws IOException {
    Files.createDirectories(
        directory.getParent(), PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    Path temporary =
        Files.createTempDirectory(
            directory.getParent(), ".new", PosixFilePermissions.asFileAttribute(OWNER_ONLY));
    SelfSigned made = SelfSigned.make("dmtcp-" + RuntimePaths.userName());
    write(temporary.resolve("key.pem"), "PRIVATE KEY", made.key());
    write(temporary.resolve("cert.pem"), "CERTIFICATE", made.certificate());
    try {
      Files.move(temporary, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException e) {
      throw e;
    } catch (FileSystemException e) {
      // rename(2) over a directory with files in it: another process was faster.
      Files.delete(temporary.resolve("key.pem"));
      Files.delete(temporary.resolve("cert.pem"));
      Files.delete(temporary);
      if (!Files.isDirectory(directory)) {
        throw e;
      }
    }
  }

  private static void write(Path file, String type, byte[] der) throws IOException {
    String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
    Files.createFile(file, PosixFilePermissions.asFileAttribute(PRIVATE));
    Files.writeString(
        file, "-----BEGIN " + type + "-----\n" + body + "\n-----END " + type + "-----\n");
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.force(true); // a half written key after a crash would lock everybody out
    }
  }

  private static byte[] pem(Path file) throws IOException {
    String text = Files.readString(file, StandardCharsets.US_ASCII);
    return Base64.getMimeDecoder().decode(text.replaceAll("-----[A-Z ]+-----", ""));
  }
}
