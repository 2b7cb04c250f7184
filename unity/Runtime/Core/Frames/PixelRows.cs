using System;

namespace UnityDepthPerception
{
    /// <summary>What was read back, as ROS and image files have it: upper row first. Nothing is allocated.</summary>
    public static class PixelRows
    {
        /// <summary>RGB from RGBA.</summary>
        /// <param name="rgba">Four bytes for each pixel, as read back.</param>
        /// <param name="order">The order of its rows.</param>
        /// <param name="width">Width [px].</param>
        /// <param name="height">Height [px].</param>
        /// <param name="rgb">Three bytes for each pixel, upper row first.</param>
        public static void ToRgb(byte[] rgba, RowOrder order, int width, int height, byte[] rgb)
        {
            int to = 0;
            for (int row = 0; row < height; row++)
            {
                int from = SourceRow(row, order, height) * width * 4;
                for (int column = 0; column < width; column++, from += 4, to += 3)
                {
                    rgb[to] = rgba[from];
                    rgb[to + 1] = rgba[from + 1];
                    rgb[to + 2] = rgba[from + 2];
                }
            }
        }

        /// <summary>Planar depth [m]; +Inf where nothing was drawn (REP 118).</summary>
        /// <param name="depthAndId">As read back.</param>
        /// <param name="valuesPerPixel">2 or 4; the first is depth.</param>
        /// <param name="order">The order of its rows.</param>
        /// <param name="width">Width [px].</param>
        /// <param name="height">Height [px].</param>
        /// <param name="depth">One number for each pixel, upper row first.</param>
        public static void ToDepth(
            float[] depthAndId, int valuesPerPixel, RowOrder order, int width, int height, float[] depth)
        {
            int to = 0;
            for (int row = 0; row < height; row++)
            {
                int from = SourceRow(row, order, height) * width * valuesPerPixel;
                for (int column = 0; column < width; column++, from += valuesPerPixel)
                {
                    float value = depthAndId[from];
                    depth[to++] = value > 0 ? value : float.PositiveInfinity;
                }
            }
        }

        /// <summary>Object ids as 16-bit numbers; 0 = no labelled object.</summary>
        /// <param name="depthAndId">As read back.</param>
        /// <param name="valuesPerPixel">2 or 4; the second is the id.</param>
        /// <param name="order">The order of its rows.</param>
        /// <param name="width">Width [px].</param>
        /// <param name="height">Height [px].</param>
        /// <param name="ids">One number for each pixel, upper row first.</param>
        public static void ToIds(
            float[] depthAndId, int valuesPerPixel, RowOrder order, int width, int height, ushort[] ids)
        {
            int to = 0;
            for (int row = 0; row < height; row++)
            {
                int from = SourceRow(row, order, height) * width * valuesPerPixel + 1;
                for (int column = 0; column < width; column++, from += valuesPerPixel)
                {
                    ids[to++] = (ushort)(depthAndId[from] + 0.5f);
                }
            }
        }

        /// <summary>Turns an image upside down in place.</summary>
        /// <param name="pixels">Its rows.</param>
        /// <param name="rowBytes">Bytes of a row.</param>
        public static void Flip(byte[] pixels, int rowBytes)
        {
            for (int low = 0, high = pixels.Length - rowBytes; low < high; low += rowBytes, high -= rowBytes)
            {
                for (int k = 0; k < rowBytes; k++)
                {
                    byte kept = pixels[low + k];
                    pixels[low + k] = pixels[high + k];
                    pixels[high + k] = kept;
                }
            }
        }

        /// <summary>Numbers as the little-endian bytes of a ROS image.</summary>
        public static void ToBytes(Array numbers, byte[] bytes)
        {
            Buffer.BlockCopy(numbers, 0, bytes, 0, bytes.Length);
        }

        static int SourceRow(int row, RowOrder order, int height)
        {
            return order == RowOrder.BottomFirst ? height - 1 - row : row;
        }
    }
}
