package org.dmtcp.akka.config;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/**
 * A new EC key and a certificate for it that it has signed itself, RFC 5280. The JDK can make one
 * only by its {@code keytool}, which takes half a second; the encoding is short enough.
 *
 * @param key PKCS #8
 * @param certificate X.509 version 3, in DER
 */
record SelfSigned(byte[] key, byte[] certificate) {
  private static final int SEQUENCE = 0x30;
  private static final int SET = 0x31;
  private static final int UTF8_STRING = 0x0c;
  private static final int OID = 0x06;
  private static final int INTEGER = 0x02;
  private static final int BIT_STRING = 0x03;
  private static final int GENERALIZED_TIME = 0x18;
  private static final int VERSION = 0xa0;

  private static final byte[] COMMON_NAME = {0x55, 0x04, 0x03}; // 2.5.4.3
  private static final byte[] ECDSA_WITH_SHA256 = { // 1.2.840.10045.4.3.2
    0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 0x04, 0x03, 0x02
  };

  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMddHHmmss'Z'").withZone(ZoneOffset.UTC);

  /** It is valid from yesterday, for clocks that differ, to the end of time. */
  static SelfSigned make(String name) {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      KeyPair pair = generator.generateKeyPair();
      byte[] serial = new byte[16];
      new SecureRandom().nextBytes(serial);
      serial[0] = (byte) (serial[0] & 0x3f | 0x40); // positive, and without a leading zero
      byte[] algorithm = der(SEQUENCE, der(OID, ECDSA_WITH_SHA256));
      byte[] subject =
          der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME),
              der(UTF8_STRING, name.getBytes(StandardCharsets.UTF_8)))));
      String start = TIME.format(Instant.now().minusSeconds(24 * 3600));
      byte[] body =
          der(
              SEQUENCE,
              der(VERSION, der(INTEGER, new byte[] {2})),
              der(INTEGER, serial),
              algorithm,
              subject,
              der(SEQUENCE, time(start), time("99991231235959Z")), // RFC 5280, 4.1.2.5
              subject,
              pair.getPublic().getEncoded());
      Signature signature = Signature.getInstance("SHA256withECDSA");
      signature.initSign(pair.getPrivate());
      signature.update(body);
      byte[] certificate =
          der(SEQUENCE, body, algorithm, der(BIT_STRING, new byte[] {0}, signature.sign()));
      return new SelfSigned(pair.getPrivate().getEncoded(), certificate);
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e); // every JDK has this curve and this algorithm
    }
  }

  private static byte[] time(String text) {
    return der(GENERALIZED_TIME, text.getBytes(StandardCharsets.US_ASCII));
  }

  /** Tag, length, value. */
  private static byte[] der(int tag, byte[]... parts) {
    ByteArrayOutputStream value = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      value.writeBytes(part);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    int length = value.size();
    if (length < 0x80) {
      out.write(length);
    } else if (length < 0x100) {
      out.write(0x81);
      out.write(length);
    } else {
      out.write(0x82);
      out.write(length >> 8);
      out.write(length);
    }
    out.writeBytes(value.toByteArray());
    return out.toByteArray();
  }
}
