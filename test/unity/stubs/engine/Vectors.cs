using System;

namespace UnityEngine
{
    public struct Vector2
    {
        public float x;
        public float y;

        public Vector2(float x, float y)
        {
            this.x = x;
            this.y = y;
        }
    }

    public struct Vector3
    {
        public float x;
        public float y;
        public float z;

        public Vector3(float x, float y, float z)
        {
            this.x = x;
            this.y = y;
            this.z = z;
        }

        public static Vector3 zero => new Vector3(0, 0, 0);

        public static Vector3 one => new Vector3(1, 1, 1);

        public static Vector3 forward => new Vector3(0, 0, 1);

        public static Vector3 back => new Vector3(0, 0, -1);

        public static Vector3 up => new Vector3(0, 1, 0);

        public static Vector3 down => new Vector3(0, -1, 0);

        public static Vector3 right => new Vector3(1, 0, 0);

        public static Vector3 left => new Vector3(-1, 0, 0);

        public float magnitude => (float)Math.Sqrt(Dot(this, this));

        public Vector3 normalized => 1 / magnitude * this;

        public static Vector3 operator +(Vector3 a, Vector3 b) => new Vector3(a.x + b.x, a.y + b.y, a.z + b.z);

        public static Vector3 operator -(Vector3 a, Vector3 b) => new Vector3(a.x - b.x, a.y - b.y, a.z - b.z);

        public static Vector3 operator *(float k, Vector3 a) => new Vector3(k * a.x, k * a.y, k * a.z);

        public static Vector3 operator *(Vector3 a, float k) => k * a;

        public static Vector3 operator /(Vector3 a, float k) => 1 / k * a;

        public static float Dot(Vector3 a, Vector3 b) => a.x * b.x + a.y * b.y + a.z * b.z;

        public static Vector3 Cross(Vector3 a, Vector3 b)
        {
            return new Vector3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
        }

        public static Vector3 Min(Vector3 a, Vector3 b)
        {
            return new Vector3(Math.Min(a.x, b.x), Math.Min(a.y, b.y), Math.Min(a.z, b.z));
        }

        public static Vector3 Max(Vector3 a, Vector3 b)
        {
            return new Vector3(Math.Max(a.x, b.x), Math.Max(a.y, b.y), Math.Max(a.z, b.z));
        }

        public static Vector3 Scale(Vector3 a, Vector3 b) => new Vector3(a.x * b.x, a.y * b.y, a.z * b.z);
    }

    public struct Quaternion
    {
        public float x;
        public float y;
        public float z;
        public float w;

        public Quaternion(float x, float y, float z, float w)
        {
            this.x = x;
            this.y = y;
            this.z = z;
            this.w = w;
        }

        public static Quaternion identity => new Quaternion(0, 0, 0, 1);

        /// <summary>Rotates about z, then x, then y.</summary>
        public static Quaternion Euler(float x, float y, float z)
        {
            return About(Vector3.up, y) * About(Vector3.right, x) * About(Vector3.forward, z);
        }

        public static Quaternion LookRotation(Vector3 forward, Vector3 upwards)
        {
            float yaw = (float)(Math.Atan2(forward.x, forward.z) * 180 / Math.PI);
            float pitch = (float)(-Math.Asin(forward.y / forward.magnitude) * 180 / Math.PI);
            return Euler(pitch, yaw, 0);
        }

        public static Quaternion Inverse(Quaternion q) => new Quaternion(-q.x, -q.y, -q.z, q.w);

        public static Quaternion operator *(Quaternion a, Quaternion b)
        {
            return new Quaternion(
                a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
                a.w * b.y + a.y * b.w + a.z * b.x - a.x * b.z,
                a.w * b.z + a.z * b.w + a.x * b.y - a.y * b.x,
                a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z);
        }

        public static Vector3 operator *(Quaternion q, Vector3 v)
        {
            var axis = new Vector3(q.x, q.y, q.z);
            Vector3 twice = 2 * Vector3.Cross(axis, v);
            return v + q.w * twice + Vector3.Cross(axis, twice);
        }

        static Quaternion About(Vector3 axis, float degrees)
        {
            double half = degrees * Math.PI / 360;
            var s = (float)Math.Sin(half);
            return new Quaternion(s * axis.x, s * axis.y, s * axis.z, (float)Math.Cos(half));
        }
    }

    public struct Matrix4x4
    {
        public float m00, m10, m20, m30, m01, m11, m21, m31, m02, m12, m22, m32, m03, m13, m23, m33;

        /// <summary>World to camera: the camera looks along -z.</summary>
        public static Matrix4x4 View(Vector3 position, Quaternion rotation)
        {
            Quaternion back = Quaternion.Inverse(rotation);
            Vector3 x = back * Vector3.right, y = back * Vector3.up, z = back * Vector3.forward, t = back * position;
            return new Matrix4x4
            {
                m00 = x.x, m01 = y.x, m02 = z.x, m03 = -t.x,
                m10 = x.y, m11 = y.y, m12 = z.y, m13 = -t.y,
                m20 = -x.z, m21 = -y.z, m22 = -z.z, m23 = t.z,
                m33 = 1
            };
        }

        public static Matrix4x4 operator *(Matrix4x4 a, Matrix4x4 b)
        {
            return new Matrix4x4();
        }

        public Vector3 MultiplyPoint3x4(Vector3 p)
        {
            return new Vector3(
                m00 * p.x + m01 * p.y + m02 * p.z + m03,
                m10 * p.x + m11 * p.y + m12 * p.z + m13,
                m20 * p.x + m21 * p.y + m22 * p.z + m23);
        }
    }

    public struct Plane
    {
    }

    public static class GeometryUtility
    {
        public static void CalculateFrustumPlanes(Matrix4x4 worldToProjectionMatrix, Plane[] planes)
        {
        }

        /// <summary>Nothing is culled here.</summary>
        public static bool TestPlanesAABB(Plane[] planes, Bounds bounds) => true;
    }

    public struct Bounds
    {
        public Bounds(Vector3 center, Vector3 size)
        {
            min = center - 0.5f * size;
            max = center + 0.5f * size;
        }

        public Vector3 min;
        public Vector3 max;

        public void Encapsulate(Bounds other)
        {
            min = Vector3.Min(min, other.min);
            max = Vector3.Max(max, other.max);
        }
    }

    public static class Mathf
    {
        public static int Max(int a, int b) => Math.Max(a, b);

        public static float Abs(float value) => Math.Abs(value);

        public static float Repeat(float value, float length) => value - (float)Math.Floor(value / length) * length;
    }
}
