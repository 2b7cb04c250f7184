namespace UnityDepthPerception
{
    /// <summary>Which row of an image comes first in what the GPU gives back.</summary>
    public enum RowOrder
    {
        /// <summary>
        /// The lower row: what a camera renders into a render texture reads back so on every graphics API.
        /// </summary>
        BottomFirst = 0,

        /// <summary>The upper row; only if "Test this camera" says so.</summary>
        TopFirst = 1
    }
}
