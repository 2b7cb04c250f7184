using System;
using System.Collections.Generic;
using Unity.Collections;
using UnityEngine.Experimental.Rendering;

namespace Unity.Collections
{
    public struct NativeArray<T> where T : struct
    {
        internal T[] Content;

        public static void Copy(NativeArray<T> source, int sourceIndex, T[] target, int targetIndex, int length)
        {
            Array.Copy(source.Content, sourceIndex, target, targetIndex, length);
        }
    }
}

namespace UnityEngine.Rendering
{
    public struct AsyncGPUReadbackRequest
    {
        internal Array Content;
        internal bool Failed;

        public bool hasError => Failed;

        public int layerDataSize => Buffer.ByteLength(Content);

        public NativeArray<T> GetData<T>(int layer = 0) where T : struct
        {
            if (Failed)
            {
                throw new InvalidOperationException("a read-back that failed has no data");
            }

            return new NativeArray<T> { Content = (T[])Content };
        }
    }

    /// <summary>
    /// Copies the pixels when it is asked, as the GPU does in its order, and answers frames later: late, in any order,
    /// or not at all.
    /// </summary>
    public static class AsyncGPUReadback
    {
        sealed class Pending
        {
            public AsyncGPUReadbackRequest Request;
            public RenderTexture Source;
            public Action<AsyncGPUReadbackRequest> Callback;
            public int FramesLeft;
        }

        static readonly List<Pending> Queue = new List<Pending>();
        static Random random = new Random(1);

        /// <summary>Least and most frames until an answer comes.</summary>
        public static int LeastLatency { get; set; } = 1;

        public static int MostLatency { get; set; } = 1;

        /// <summary>Share of read-backs that fail.</summary>
        public static double FailureRate { get; set; }

        /// <summary>Cuts the data of all read-backs short.</summary>
        public static bool GivesTooLittle { get; set; }

        public static int Waiting => Queue.Count;

        public static void Seed(int seed)
        {
            random = new Random(seed);
        }

        public static AsyncGPUReadbackRequest Request(
            Texture source, int mipIndex, GraphicsFormat format, Action<AsyncGPUReadbackRequest> callback)
        {
            var texture = (RenderTexture)source;
            var pending = new Pending
            {
                Request = new AsyncGPUReadbackRequest
                {
                    Content = ContentOf(texture, format), Failed = random.NextDouble() < FailureRate
                },
                Source = texture,
                Callback = callback,
                FramesLeft = random.Next(LeastLatency, MostLatency + 1)
            };
            Queue.Add(pending);
            return pending.Request;
        }

        public static void WaitAllRequests()
        {
            foreach (Pending pending in Queue.ToArray())
            {
                pending.FramesLeft = 0;
            }

            Poll();
        }

        internal static void Poll()
        {
            foreach (Pending pending in Queue.ToArray())
            {
                if (pending.FramesLeft-- <= 0)
                {
                    Queue.Remove(pending);
                    pending.Request.Failed |= pending.Source.IsReleased;
                    pending.Callback(pending.Request);
                }
            }
        }

        static Array ContentOf(RenderTexture texture, GraphicsFormat format)
        {
            if (format != texture.graphicsFormat)
            {
                throw new ArgumentException("expected the texture's own format");
            }

            int pixels = texture.width * texture.height - (GivesTooLittle ? 1 : 0);
            if (format == GraphicsFormat.R32G32B32A32_SFloat)
            {
                return Cut(texture.Values, 4 * pixels);
            }

            if (format == GraphicsFormat.R32G32_SFloat)
            {
                var pairs = new float[2 * pixels];
                for (int k = 0; k < pixels; k++)
                {
                    pairs[2 * k] = texture.Values[4 * k];
                    pairs[2 * k + 1] = texture.Values[4 * k + 1];
                }

                return pairs;
            }

            var bytes = new byte[4 * pixels];
            for (int k = 0; k < bytes.Length; k++)
            {
                bytes[k] = (byte)Math.Round(255 * Math.Max(0, Math.Min(1, texture.Values[k])));
            }

            return bytes;
        }

        static float[] Cut(float[] values, int length)
        {
            var cut = new float[length];
            Array.Copy(values, cut, length);
            return cut;
        }
    }
}
