namespace UnityDepthPerception
{
    /// <summary>
    /// How a physical camera fits its sensor to the image; values as in UnityEngine.Camera.GateFitMode.
    /// </summary>
    public enum GateFit
    {
        /// <summary>The sensor is stretched over the image: pixels are not square.</summary>
        None = 0,

        /// <summary>The image's height is the sensor's height.</summary>
        Vertical = 1,

        /// <summary>The image's width is the sensor's width.</summary>
        Horizontal = 2,

        /// <summary>The image lies inside the sensor, which is cropped.</summary>
        Fill = 3,

        /// <summary>The image contains the whole sensor.</summary>
        Overscan = 4
    }
}
