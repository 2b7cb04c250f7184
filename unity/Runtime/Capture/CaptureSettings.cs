using System;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>Image size, aspect and row order of a capture.</summary>
    [Serializable]
    public struct CaptureSettings
    {
        /// <summary>Width of the image [px].</summary>
        [Min(1)]
        [Tooltip("Width of the image [px].")]
        public int width;

        /// <summary>Height of the image [px].</summary>
        [Min(1)]
        [Tooltip("Height of the image [px].")]
        public int height;

        /// <summary>Whether Camera.aspect stays as it was set by hand.</summary>
        [Tooltip("Leave Camera.aspect as a script has set it. The image is stretched unless it is width / height.")]
        public bool keepAspect;

        /// <summary>Row order of the image as it is read back.</summary>
        [Tooltip("Change it only if 'Test this camera' says that the image comes back upside down.")]
        public RowOrder colorRows;

        /// <summary>Row order of depth and ids as they are read back.</summary>
        [Tooltip("Change it only if 'Test this camera' says that depth comes back upside down.")]
        public RowOrder depthRows;

        /// <summary>Settings of an image size.</summary>
        public static CaptureSettings OfSize(int width, int height)
        {
            return new CaptureSettings { width = width, height = height };
        }
    }
}
