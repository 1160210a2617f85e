package org.dmtcp.akka.protocol;

/** The range checks of the compact constructors: a message that exists is a valid one. */
final class Checks {
  private Checks() {}

  static void notEmpty(String value, String name) {
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + " is empty");
    }
  }

  static void atMost(long most, long value, String name) {
    if (value > most) {
      throw new IllegalArgumentException(name + " is " + value + ", more than " + most);
    }
  }

  static void atLeast(long least, long value, String name) {
    if (value < least) {
      throw new IllegalArgumentException(name + " is " + value + ", less than " + least);
    }
  }
}
