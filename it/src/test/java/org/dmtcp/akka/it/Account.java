package org.dmtcp.akka.it;

import java.util.ArrayList;
import java.util.List;

/**
 * Who runs a command.
 *
 * @param name as in the names of tests: {@code root} or {@code plain}
 * @param uid of the commands
 * @param gid of the commands
 * @param prefix words that make a command run so; empty when the tests themselves do
 */
record Account(String name, int uid, int gid, List<String> prefix) {
  static final String ROOT = "root";
  static final String PLAIN = "plain";

  Account {
    prefix = List.copyOf(prefix);
  }

  List<String> command(List<String> words) {
    List<String> all = new ArrayList<>(prefix);
    all.addAll(words);
    return all;
  }

  @Override
  public String toString() {
    return name;
  }
}
