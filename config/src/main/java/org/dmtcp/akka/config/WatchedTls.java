package org.dmtcp.akka.config;

import java.security.SecureRandom;
import java.util.function.Consumer;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLContextSpi;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocketFactory;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;

/** A context whose engines are {@link WatchedEngine}s. */
public final class WatchedTls extends SSLContextSpi {
  private final SSLContext context;
  private final Consumer<String> refused;

  private WatchedTls(SSLContext context, Consumer<String> refused) {
    this.context = context;
    this.refused = refused;
  }

  /** @param refused is told of every handshake that fails: by whom, and why */
  public static SSLContext of(SSLContext context, Consumer<String> refused) {
    return new SSLContext(
        new WatchedTls(context, refused), context.getProvider(), context.getProtocol()) {};
  }

  @Override
  protected void engineInit(KeyManager[] keys, TrustManager[] trust, SecureRandom random) {
    throw new UnsupportedOperationException("the context is there already");
  }

  @Override
  protected SSLSocketFactory engineGetSocketFactory() {
    return context.getSocketFactory();
  }

  @Override
  protected SSLServerSocketFactory engineGetServerSocketFactory() {
    return context.getServerSocketFactory();
  }

  @Override
  protected SSLEngine engineCreateSSLEngine() {
    return new WatchedEngine(context.createSSLEngine(), refused);
  }

  @Override
  protected SSLEngine engineCreateSSLEngine(String host, int port) {
    return new WatchedEngine(
        context.createSSLEngine(host, port), reason -> refused.accept(host + ": " + reason));
  }

  @Override
  protected SSLSessionContext engineGetServerSessionContext() {
    return context.getServerSessionContext();
  }

  @Override
  protected SSLSessionContext engineGetClientSessionContext() {
    return context.getClientSessionContext();
  }

  @Override
  protected SSLParameters engineGetDefaultSSLParameters() {
    return context.getDefaultSSLParameters();
  }

  @Override
  protected SSLParameters engineGetSupportedSSLParameters() {
    return context.getSupportedSSLParameters();
  }
}
