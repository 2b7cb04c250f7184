using System;
using RosMessageTypes.BuiltinInterfaces;
using RosMessageTypes.Geometry;
using RosMessageTypes.Sensor;
using RosMessageTypes.Std;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Fills messages in place. The connector is compiled for ROS 1 or ROS 2; both get their types here.
    /// </summary>
    static class RosMessages
    {
        /// <summary>The stamp of now.</summary>
        public static FrameStamp Now(StampClock clock)
        {
            return clock == StampClock.Game
                ? FrameStamp.FromSeconds(Time.timeAsDouble)
                : FrameStamp.FromUtc(DateTime.UtcNow);
        }

        /// <summary>Sets a time.</summary>
        public static void Set(TimeMsg time, FrameStamp stamp)
        {
#if ROS2
            time.sec = stamp.Seconds;
#else
            time.sec = (uint)stamp.Seconds;
#endif
            time.nanosec = stamp.Nanoseconds;
        }

        /// <summary>Sets a header.</summary>
        public static void Set(HeaderMsg header, FrameStamp stamp, string frameId)
        {
            Set(header.stamp, stamp);
            header.frame_id = frameId;
        }

        /// <summary>Sets size and intrinsics of a camera without distortion.</summary>
        public static void Set(CameraInfoMsg info, PinholeIntrinsics camera)
        {
            info.width = (uint)camera.Width;
            info.height = (uint)camera.Height;
            info.distortion_model = "plumb_bob";
            double[] k = info.k, r = info.r, p = info.p;
            k[0] = p[0] = camera.Fx;
            k[2] = p[2] = camera.Cx;
            k[4] = p[5] = camera.Fy;
            k[5] = p[6] = camera.Cy;
            k[8] = p[10] = 1;
            r[0] = r[4] = r[8] = 1;
        }

        /// <summary>A new message for intrinsics of cameras without distortion.</summary>
        public static CameraInfoMsg NewCameraInfo() => new CameraInfoMsg { d = new double[5] };

        /// <summary>Sets a pose.</summary>
        public static void Set(PoseMsg pose, RigidPose value)
        {
            pose.position.x = value.Position.X;
            pose.position.y = value.Position.Y;
            pose.position.z = value.Position.Z;
            Set(pose.orientation, value.Orientation);
        }

        /// <summary>Sets a transform.</summary>
        public static void Set(TransformMsg transform, RigidPose value)
        {
            transform.translation.x = value.Position.X;
            transform.translation.y = value.Position.Y;
            transform.translation.z = value.Position.Z;
            Set(transform.rotation, value.Orientation);
        }

        /// <summary>A new image message with room for its pixels.</summary>
        public static ImageMsg NewImage(int width, int height, string encoding, int bytesPerPixel)
        {
            return new ImageMsg
            {
                width = (uint)width,
                height = (uint)height,
                encoding = encoding,
                step = (uint)(width * bytesPerPixel),
                data = new byte[width * height * bytesPerPixel]
            };
        }

        static void Set(QuaternionMsg quaternion, DoubleQuaternion value)
        {
            quaternion.x = value.X;
            quaternion.y = value.Y;
            quaternion.z = value.Z;
            quaternion.w = value.W;
        }
    }
}
