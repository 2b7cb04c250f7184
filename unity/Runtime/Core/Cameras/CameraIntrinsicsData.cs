using System;

namespace UnityDepthPerception
{
    /// <summary>
    /// The content of camera_intrinsics.json. A named serialisable type: JsonUtility writes "{}" for an anonymous one.
    /// The principal point counts from the image's corner (Unity: width / 2), and <see cref="pixel_origin"/> says so.
    /// </summary>
    [Serializable]
    public sealed class CameraIntrinsicsData
    {
        /// <summary>Vertical field of view [degrees].</summary>
        public double fov_vertical;

        /// <summary>Width [px].</summary>
        public int width;

        /// <summary>Height [px].</summary>
        public int height;

        /// <summary>Horizontal focal length [px].</summary>
        public double focal_length_x;

        /// <summary>Vertical focal length [px].</summary>
        public double focal_length_y;

        /// <summary>Column of the principal point [px from the image's left edge].</summary>
        public double principal_point_x;

        /// <summary>Row of the principal point [px from the image's upper edge].</summary>
        public double principal_point_y;

        /// <summary>Where the principal point counts from.</summary>
        public string pixel_origin = "image_corner";

        /// <summary>The file's content for some intrinsics.</summary>
        public static CameraIntrinsicsData Of(PinholeIntrinsics camera)
        {
            return new CameraIntrinsicsData
            {
                fov_vertical = camera.VerticalFovDegrees,
                width = camera.Width,
                height = camera.Height,
                focal_length_x = camera.Fx,
                focal_length_y = camera.Fy,
                principal_point_x = camera.Cx + 0.5,
                principal_point_y = camera.Cy + 0.5
            };
        }

        /// <summary>As JSON, the same in every culture.</summary>
        public string ToJson()
        {
            return new JsonWriter().BeginObject()
                .Name("fov_vertical").Value(fov_vertical)
                .Name("width").Value(width)
                .Name("height").Value(height)
                .Name("focal_length_x").Value(focal_length_x)
                .Name("focal_length_y").Value(focal_length_y)
                .Name("principal_point_x").Value(principal_point_x)
                .Name("principal_point_y").Value(principal_point_y)
                .Name("pixel_origin").Value(pixel_origin)
                .EndObject().ToString();
        }
    }
}
