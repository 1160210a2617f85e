package org.dmtcp.akka.agent.engine;

/**
 * A complete, durable image file.
 *
 * @param imageBytes size of the file
 * @param rawBytes content before compression
 * @param digest covers every byte of the file (image_writer_finish in image.h)
 */
public record ImageSummary(long imageBytes, long rawBytes, String digest) {}
