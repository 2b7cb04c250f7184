using System;

namespace UnityDepthPerception
{
    /// <summary>
    /// Pinhole intrinsics [px] of a rendered image, without distortion.
    /// Pixel centres are at integer coordinates and rows run downwards (OpenCV, ROS): a centred camera has
    /// cx = (width - 1) / 2.
    /// </summary>
    public readonly struct PinholeIntrinsics : IEquatable<PinholeIntrinsics>
    {
        /// <summary>Width of the image [px].</summary>
        public readonly int Width;

        /// <summary>Height of the image [px].</summary>
        public readonly int Height;

        /// <summary>Horizontal focal length [px].</summary>
        public readonly double Fx;

        /// <summary>Vertical focal length [px].</summary>
        public readonly double Fy;

        /// <summary>Column of the principal point [px].</summary>
        public readonly double Cx;

        /// <summary>Row of the principal point [px].</summary>
        public readonly double Cy;

        /// <summary>Makes intrinsics from their values.</summary>
        /// <exception cref="ArgumentOutOfRangeException">The size or a focal length is not positive.</exception>
        public PinholeIntrinsics(int width, int height, double fx, double fy, double cx, double cy)
        {
            RequireSize(width, height);
            if (!IsPositive(fx) || !IsPositive(fy))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(fx), "expected finite focal lengths > 0 px, got " + fx + " and " + fy);
            }

            Width = width;
            Height = height;
            Fx = fx;
            Fy = fy;
            Cx = cx;
            Cy = cy;
        }

        /// <summary>
        /// Intrinsics of a camera that is not physical: fy = (height / 2) / tan(v / 2), and fx = fy unless the camera's
        /// aspect is not that of the image.
        /// </summary>
        /// <param name="verticalFovDegrees">Camera.fieldOfView.</param>
        /// <param name="width">Width of the render target [px].</param>
        /// <param name="height">Height of the render target [px].</param>
        /// <param name="aspect">Camera.aspect; 0 stands for width / height.</param>
        /// <exception cref="ArgumentOutOfRangeException">The angle is not between 0 and 180 degrees.</exception>
        public static PinholeIntrinsics FromVerticalFov(
            double verticalFovDegrees, int width, int height, double aspect = 0)
        {
            RequireSize(width, height);
            if (!(verticalFovDegrees > 0 && verticalFovDegrees < 180))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(verticalFovDegrees),
                    "expected a vertical field of view between 0 and 180 degrees, got " + verticalFovDegrees);
            }

            double fy = height / 2.0 / Math.Tan(verticalFovDegrees * Math.PI / 360);
            double stretch = aspect > 0 ? (double)width / height / aspect : 1;
            return new PinholeIntrinsics(width, height, fy * stretch, fy, (width - 1) / 2.0, (height - 1) / 2.0);
        }

        /// <summary>Intrinsics of a physical camera by closed form, for every gate fit and lens shift.</summary>
        /// <param name="lens">Lens and sensor.</param>
        /// <param name="width">Width of the render target [px].</param>
        /// <param name="height">Height of the render target [px].</param>
        public static PinholeIntrinsics FromPhysicalLens(PhysicalLens lens, int width, int height)
        {
            RequireSize(width, height);
            double fx = lens.FocalLengthMm / lens.SensorWidthMm * width;
            double fy = lens.FocalLengthMm / lens.SensorHeightMm * height;
            bool wider = (double)width / height > lens.SensorWidthMm / lens.SensorHeightMm;
            switch (lens.GateFit)
            {
                case GateFit.Vertical:
                    fx = fy;
                    break;
                case GateFit.Horizontal:
                    fy = fx;
                    break;
                case GateFit.Fill:
                    fx = fy = wider ? fx : fy;
                    break;
                case GateFit.Overscan:
                    fx = fy = wider ? fy : fx;
                    break;
            }

            double cx = width / 2.0 - lens.ShiftX * lens.SensorWidthMm / lens.FocalLengthMm * fx - 0.5;
            double cy = height / 2.0 + lens.ShiftY * lens.SensorHeightMm / lens.FocalLengthMm * fy - 0.5;
            return new PinholeIntrinsics(width, height, fx, fy, cx, cy);
        }

        /// <summary>
        /// Intrinsics from elements of Camera.projectionMatrix, which knows lens shift, gate fit and aspect. It must be
        /// the matrix in OpenGL's convention, never the one of GL.GetGPUProjectionMatrix.
        /// </summary>
        /// <param name="m00">Row 0, column 0.</param>
        /// <param name="m02">Row 0, column 2.</param>
        /// <param name="m11">Row 1, column 1.</param>
        /// <param name="m12">Row 1, column 2.</param>
        /// <param name="width">Width of the render target [px].</param>
        /// <param name="height">Height of the render target [px].</param>
        public static PinholeIntrinsics FromProjection(
            double m00, double m02, double m11, double m12, int width, int height)
        {
            return new PinholeIntrinsics(
                width,
                height,
                m00 * width / 2,
                m11 * height / 2,
                width / 2.0 * (1 - m02) - 0.5,
                height / 2.0 * (1 + m12) - 0.5);
        }

        /// <summary>Vertical field of view [degrees] of a centred camera with this fy.</summary>
        public double VerticalFovDegrees => Math.Atan(Height / 2.0 / Fy) * 360 / Math.PI;

        /// <summary>The pixel of a point of the optical frame (x right, y down, z forward, z > 0) [m].</summary>
        /// <param name="point">The point.</param>
        /// <param name="u">Its column.</param>
        /// <param name="v">Its row.</param>
        public void Project(Double3 point, out double u, out double v)
        {
            u = Fx * point.X / point.Z + Cx;
            v = Fy * point.Y / point.Z + Cy;
        }

        /// <summary>The point of the optical frame [m] of a pixel at a planar depth.</summary>
        public Double3 Unproject(double u, double v, double depth)
        {
            return new Double3((u - Cx) / Fx * depth, (v - Cy) / Fy * depth, depth);
        }

        /// <summary>Whether no value differs by more than a tolerance [px].</summary>
        public bool IsCloseTo(PinholeIntrinsics other, double tolerance)
        {
            return Width == other.Width && Height == other.Height && Math.Abs(Fx - other.Fx) <= tolerance
                && Math.Abs(Fy - other.Fy) <= tolerance && Math.Abs(Cx - other.Cx) <= tolerance
                && Math.Abs(Cy - other.Cy) <= tolerance;
        }

        /// <inheritdoc/>
        public bool Equals(PinholeIntrinsics other)
        {
            return Width == other.Width && Height == other.Height && Fx.Equals(other.Fx) && Fy.Equals(other.Fy)
                && Cx.Equals(other.Cx) && Cy.Equals(other.Cy);
        }

        /// <inheritdoc/>
        public override bool Equals(object obj) => obj is PinholeIntrinsics && Equals((PinholeIntrinsics)obj);

        /// <inheritdoc/>
        public override int GetHashCode() => Width * 31 + Height * 17 + Fx.GetHashCode() + Cy.GetHashCode();

        static void RequireSize(int width, int height)
        {
            if (width < 1 || height < 1)
            {
                throw new ArgumentOutOfRangeException(
                    nameof(width), "expected an image of at least 1 x 1 px, got " + width + " x " + height);
            }
        }

        static bool IsPositive(double value) => value > 0 && !double.IsInfinity(value);
    }
}
