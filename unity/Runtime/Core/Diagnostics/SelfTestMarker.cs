using System;

namespace UnityDepthPerception
{
    /// <summary>A coloured, labelled square that faces the camera at known pixels and a known depth.</summary>
    public readonly struct SelfTestMarker
    {
        /// <summary>Its value in the instance image.</summary>
        public readonly int Value;

        /// <summary>The channel of its colour: 0 red, 1 green, 2 blue.</summary>
        public readonly int Channel;

        /// <summary>Column of its middle pixel.</summary>
        public readonly int U;

        /// <summary>Row of its middle pixel.</summary>
        public readonly int V;

        /// <summary>It covers this many pixels on each side of the middle one.</summary>
        public readonly int Radius;

        /// <summary>Planar depth [m].</summary>
        public readonly double Depth;

        /// <summary>Makes a marker.</summary>
        public SelfTestMarker(int value, int channel, int u, int v, int radius, double depth)
        {
            Value = value;
            Channel = channel;
            U = u;
            V = v;
            Radius = radius;
            Depth = depth;
        }

        /// <summary>
        /// Half its side in pixels: a quarter beyond the centres of the outermost pixels, so that intrinsics that are
        /// half a pixel off cover other ones.
        /// </summary>
        public double HalfSide => Radius + 0.25;

        /// <summary>
        /// Two markers for a camera: red at the upper left, green at the lower right and farther away.
        /// </summary>
        /// <param name="camera">Intrinsics.</param>
        /// <param name="near">Near clip plane [m].</param>
        /// <param name="far">Far clip plane [m].</param>
        /// <param name="firstValue">Value of the red one in the instance image.</param>
        /// <param name="secondValue">Value of the green one in the instance image.</param>
        public static SelfTestMarker[] For(
            PinholeIntrinsics camera, double near, double far, int firstValue, int secondValue)
        {
            int radius = Math.Max(2, Math.Min(camera.Width, camera.Height) / 24);
            double depth = near + 0.1 * (Math.Min(far, near + 50) - near);
            return new[]
            {
                new SelfTestMarker(firstValue, 0, camera.Width / 5, camera.Height / 4, radius, depth),
                new SelfTestMarker(secondValue, 1, camera.Width * 7 / 10, camera.Height * 4 / 5, radius, 2 * depth)
            };
        }
    }
}
