using System;
using System.Globalization;
using System.Text;

namespace UnityDepthPerception
{
    /// <summary>
    /// Encodes NumPy's .npy files. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    /// </summary>
    public static class NpyEncoder
    {
        const int Preamble = 10;
        const int Alignment = 64;

        /// <summary>A float32 array of shape (height, width).</summary>
        /// <param name="values">One number for each pixel, upper row first.</param>
        /// <param name="width">Columns.</param>
        /// <param name="height">Rows.</param>
        public static byte[] EncodeFloat32(float[] values, int width, int height)
        {
            if (values.Length != width * height)
            {
                throw new ArgumentException(
                    "expected " + width * height + " values for this image, got " + values.Length);
            }

            string text = string.Format(
                CultureInfo.InvariantCulture,
                "{{'descr': '<f4', 'fortran_order': False, 'shape': ({0}, {1}), }}",
                height,
                width);
            int headerBytes = (Preamble + text.Length + Alignment) / Alignment * Alignment;
            var file = new byte[headerBytes + values.Length * sizeof(float)];
            file[0] = 0x93;
            Encoding.ASCII.GetBytes("NUMPY", 0, 5, file, 1);
            file[6] = 1;
            file[8] = (byte)(headerBytes - Preamble);
            file[9] = (byte)((headerBytes - Preamble) >> 8);
            string padded = text.PadRight(headerBytes - Preamble - 1) + "\n";
            Encoding.ASCII.GetBytes(padded, 0, padded.Length, file, Preamble);
            Buffer.BlockCopy(values, 0, file, headerBytes, values.Length * sizeof(float));
            return file;
        }
    }
}
