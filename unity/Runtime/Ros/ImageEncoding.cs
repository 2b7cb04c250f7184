namespace UnityDepthPerception.Ros
{
    /// <summary>How images are sent.</summary>
    public enum ImageEncoding
    {
        /// <summary>sensor_msgs/Image rgb8 on image_raw.</summary>
        Rgb8 = 0,

        /// <summary>
        /// sensor_msgs/CompressedImage on image_raw/compressed: a tenth of the bytes; each image allocates.
        /// </summary>
        Jpeg = 1
    }
}
