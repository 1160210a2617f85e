package org.dmtcp.akka.protocol;

/**
 * An entry of the name service of a restart. The coordinator understands neither part.
 *
 * @param name for example {@code tcp/17} of connection 17
 * @param value for example {@code 10.0.0.1:40001}
 */
public record NameValue(String name, String value) {
  /** Of either part. */
  public static final int MAX_LENGTH = 1024;

  public NameValue {
    Checks.notEmpty(name, "name");
    Checks.atMost(MAX_LENGTH, name.length(), "length of a name");
    Checks.atMost(MAX_LENGTH, value.length(), "length of a value");
  }
}
