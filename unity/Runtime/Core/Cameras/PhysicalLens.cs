using System;

namespace UnityDepthPerception
{
    /// <summary>Lens and sensor of a physical camera, as its inspector shows them.</summary>
    public readonly struct PhysicalLens
    {
        /// <summary>Focal length [mm].</summary>
        public readonly double FocalLengthMm;

        /// <summary>Width of the sensor [mm].</summary>
        public readonly double SensorWidthMm;

        /// <summary>Height of the sensor [mm].</summary>
        public readonly double SensorHeightMm;

        /// <summary>
        /// Lens shift in multiples of the sensor's width; positive: the camera sees more to the right.
        /// </summary>
        public readonly double ShiftX;

        /// <summary>Lens shift in multiples of the sensor's height; positive: the camera sees more above.</summary>
        public readonly double ShiftY;

        /// <summary>How the sensor is fitted to the image.</summary>
        public readonly GateFit GateFit;

        /// <summary>Makes a lens.</summary>
        /// <exception cref="ArgumentOutOfRangeException">A length is not positive.</exception>
        public PhysicalLens(
            double focalLengthMm,
            double sensorWidthMm,
            double sensorHeightMm,
            double shiftX = 0,
            double shiftY = 0,
            GateFit gateFit = GateFit.Horizontal)
        {
            if (!(focalLengthMm > 0 && sensorWidthMm > 0 && sensorHeightMm > 0))
            {
                throw new ArgumentOutOfRangeException(
                    nameof(focalLengthMm),
                    "expected a focal length and a sensor size > 0 mm, got " + focalLengthMm + ", " + sensorWidthMm
                    + " x " + sensorHeightMm);
            }

            FocalLengthMm = focalLengthMm;
            SensorWidthMm = sensorWidthMm;
            SensorHeightMm = sensorHeightMm;
            ShiftX = shiftX;
            ShiftY = shiftY;
            GateFit = gateFit;
        }
    }
}
