using System;
using System.IO;
using System.IO.Compression;
using System.Text;

namespace UnityDepthPerception
{
    /// <summary>
    /// Encodes PNG files: 8-bit RGB images and 16-bit grey instance images. https://www.w3.org/TR/png/
    /// The engine's own encoder is not used because what it makes of 16-bit grey depends on its version.
    /// </summary>
    public static class PngEncoder
    {
        const byte FilterUp = 2;
        static readonly byte[] Signature = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a };
        static readonly uint[] CrcTable = MakeCrcTable();

        /// <summary>A PNG of an RGB image.</summary>
        /// <param name="rgb">Three bytes for each pixel, upper row first.</param>
        /// <param name="width">Width [px].</param>
        /// <param name="height">Height [px].</param>
        public static byte[] EncodeRgb(byte[] rgb, int width, int height)
        {
            Require(rgb.Length, width * height * 3);
            return Encode(rgb, width, height, 3 * width, 8, 2);
        }

        /// <summary>A PNG of an image of 16-bit numbers.</summary>
        /// <param name="values">One number for each pixel, upper row first.</param>
        /// <param name="width">Width [px].</param>
        /// <param name="height">Height [px].</param>
        public static byte[] EncodeGrey16(ushort[] values, int width, int height)
        {
            Require(values.Length, width * height);
            var bigEndian = new byte[values.Length * 2];
            for (int k = 0; k < values.Length; k++)
            {
                bigEndian[2 * k] = (byte)(values[k] >> 8);
                bigEndian[2 * k + 1] = (byte)values[k];
            }

            return Encode(bigEndian, width, height, 2 * width, 16, 0);
        }

        static byte[] Encode(byte[] rows, int width, int height, int rowBytes, byte bitDepth, byte colorType)
        {
            using (var file = new MemoryStream())
            {
                file.Write(Signature, 0, Signature.Length);
                var header = new byte[13];
                WriteBigEndian(header, 0, (uint)width);
                WriteBigEndian(header, 4, (uint)height);
                header[8] = bitDepth;
                header[9] = colorType;
                WriteChunk(file, "IHDR", header);
                WriteChunk(file, "IDAT", ZlibOf(Filtered(rows, height, rowBytes)));
                WriteChunk(file, "IEND", new byte[0]);
                return file.ToArray();
            }
        }

        static byte[] Filtered(byte[] rows, int height, int rowBytes)
        {
            var filtered = new byte[height * (rowBytes + 1)];
            int to = 0;
            for (int row = 0; row < height; row++)
            {
                filtered[to++] = FilterUp;
                int from = row * rowBytes;
                for (int k = 0; k < rowBytes; k++, from++)
                {
                    byte above = row == 0 ? (byte)0 : rows[from - rowBytes];
                    filtered[to++] = (byte)(rows[from] - above);
                }
            }

            return filtered;
        }

        static byte[] ZlibOf(byte[] data)
        {
            using (var packed = new MemoryStream())
            {
                packed.WriteByte(0x78);
                packed.WriteByte(0x01);
                using (var deflate = new DeflateStream(packed, CompressionLevel.Fastest, true))
                {
                    deflate.Write(data, 0, data.Length);
                }

                var checksum = new byte[4];
                WriteBigEndian(checksum, 0, Adler32(data));
                packed.Write(checksum, 0, 4);
                return packed.ToArray();
            }
        }

        static void WriteChunk(Stream file, string type, byte[] data)
        {
            var framed = new byte[data.Length + 12];
            WriteBigEndian(framed, 0, (uint)data.Length);
            Encoding.ASCII.GetBytes(type, 0, 4, framed, 4);
            Buffer.BlockCopy(data, 0, framed, 8, data.Length);
            WriteBigEndian(framed, data.Length + 8, Crc32(framed, 4, data.Length + 4));
            file.Write(framed, 0, framed.Length);
        }

        static void WriteBigEndian(byte[] target, int at, uint value)
        {
            target[at] = (byte)(value >> 24);
            target[at + 1] = (byte)(value >> 16);
            target[at + 2] = (byte)(value >> 8);
            target[at + 3] = (byte)value;
        }

        static uint Adler32(byte[] data)
        {
            const int Safe = 3800; // so many bytes do not overflow before the modulo
            uint a = 1, b = 0;
            for (int start = 0; start < data.Length; start += Safe)
            {
                int end = Math.Min(data.Length, start + Safe);
                for (int k = start; k < end; k++)
                {
                    a += data[k];
                    b += a;
                }

                a %= 65521;
                b %= 65521;
            }

            return (b << 16) | a;
        }

        static uint Crc32(byte[] data, int start, int count)
        {
            uint crc = 0xffffffff;
            for (int k = start; k < start + count; k++)
            {
                crc = CrcTable[(crc ^ data[k]) & 0xff] ^ (crc >> 8);
            }

            return crc ^ 0xffffffff;
        }

        static uint[] MakeCrcTable()
        {
            var table = new uint[256];
            for (uint n = 0; n < 256; n++)
            {
                uint c = n;
                for (int k = 0; k < 8; k++)
                {
                    c = (c & 1) != 0 ? 0xedb88320 ^ (c >> 1) : c >> 1;
                }

                table[n] = c;
            }

            return table;
        }

        static void Require(int length, int expected)
        {
            if (length != expected)
            {
                throw new ArgumentException("expected " + expected + " values for this image, got " + length);
            }
        }
    }
}
