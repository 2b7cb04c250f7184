using System;
using System.Collections.Generic;
using UnityEngine.SceneManagement;

namespace UnityEngine
{
    /// <summary>Renders by casting a ray through each pixel's centre; the lower row comes first in memory.</summary>
    public sealed class Camera : Behaviour
    {
        float _aspect;
        bool _isStale;
        RenderTexture _target;

        public enum GateFitMode
        {
            None,
            Vertical,
            Horizontal,
            Fill,
            Overscan
        }

        /// <summary>Called while a camera renders, after its matrices count.</summary>
        public static Action<Camera> OnRender { get; set; }

        public static Camera main => null;

        public float fieldOfView { get; set; } = 60;

        public float nearClipPlane { get; set; } = 0.3f;

        public float farClipPlane { get; set; } = 1000;

        public bool orthographic { get; set; }

        public bool usePhysicalProperties { get; set; }

        public float focalLength { get; set; } = 50;

        public Vector2 sensorSize { get; set; } = new Vector2(36, 24);

        public Vector2 lensShift { get; set; }

        public GateFitMode gateFit { get; set; } = GateFitMode.Horizontal;

        public Rect rect { get; set; } = new Rect(0, 0, 1, 1);

        public int cullingMask { get; set; } = -1;

        public CameraClearFlags clearFlags { get; set; } = CameraClearFlags.Skybox;

        public Color backgroundColor { get; set; } = new Color(0.2f, 0.3f, 0.5f);

        public RenderTexture targetTexture
        {
            get { return _target; }
            set { _target = value; }
        }

        public float aspect
        {
            get
            {
                if (_isStale)
                {
                    return _aspect;
                }

                return _target != null ? (float)_target.width / _target.height : (float)Screen.width / Screen.height;
            }

            set
            {
                _aspect = value;
                _isStale = true;
            }
        }

        public Matrix4x4 worldToCameraMatrix => Matrix4x4.View(transform.position, transform.rotation);

        /// <summary>glFrustum of what the sensor shows.</summary>
        public Matrix4x4 projectionMatrix
        {
            get
            {
                double halfHeight = Math.Tan(fieldOfView * Math.PI / 360), halfWidth = halfHeight * aspect, x = 0, y = 0;
                if (usePhysicalProperties)
                {
                    double a = aspect, s = sensorSize.x / sensorSize.y;
                    bool byHeight = gateFit == GateFitMode.Vertical || (gateFit == GateFitMode.Fill && a <= s)
                        || (gateFit == GateFitMode.Overscan && a > s);
                    halfWidth = (byHeight ? sensorSize.y * a : sensorSize.x) / 2 / focalLength;
                    halfHeight = gateFit == GateFitMode.None ? sensorSize.y / 2 / focalLength : halfWidth / a;
                    x = lensShift.x * sensorSize.x / focalLength;
                    y = lensShift.y * sensorSize.y / focalLength;
                }

                return new Matrix4x4
                {
                    m00 = (float)(1 / halfWidth), m02 = (float)(x / halfWidth),
                    m11 = (float)(1 / halfHeight), m12 = (float)(y / halfHeight), m32 = -1
                };
            }
        }

        public void ResetAspect()
        {
            _isStale = false;
        }

        public void Render()
        {
            Matrix4x4 view = worldToCameraMatrix, projection = projectionMatrix;
            StubGpu.Clear(_target, backgroundColor);
            var roots = new List<GameObject>();
            var renderers = new List<Renderer>();
            SceneManager.GetSceneAt(0).GetRootGameObjects(roots);
            foreach (GameObject root in roots)
            {
                root.GetComponentsInChildren(false, renderers);
                foreach (Renderer renderer in renderers)
                {
                    if (renderer.enabled && (cullingMask & (1 << renderer.gameObject.layer)) != 0)
                    {
                        Color color = renderer.sharedMaterial.color;
                        StubGpu.Draw(_target, renderer, view, projection, StubGpu.FlipsColor, depth => color);
                    }
                }
            }

            if (OnRender != null)
            {
                OnRender(this);
            }
        }
    }

    /// <summary>The ray caster, and what a graphics API may do otherwise.</summary>
    public static class StubGpu
    {
        /// <summary>Images have the upper row first in memory.</summary>
        public static bool FlipsColor { get; set; }

        /// <summary>Depth and ids have the upper row first in memory.</summary>
        public static bool FlipsDepth { get; set; }

        /// <summary>Ids are lost.</summary>
        public static bool MixesUpIds { get; set; }

        internal static void Clear(RenderTexture target, Color color)
        {
            for (int pixel = 0; pixel < target.Depth.Length; pixel++)
            {
                target.Depth[pixel] = float.PositiveInfinity;
                Set(target, pixel, color);
            }
        }

        /// <summary>Sets one pixel as the camera would; row 0 is the lowest.</summary>
        public static void Set(RenderTexture target, int pixel, Color color)
        {
            target.Values[4 * pixel] = color.r;
            target.Values[4 * pixel + 1] = color.g;
            target.Values[4 * pixel + 2] = color.b;
            target.Values[4 * pixel + 3] = color.a;
        }

        internal static void Draw(
            RenderTexture target,
            Renderer renderer,
            Matrix4x4 view,
            Matrix4x4 projection,
            bool isFlipped,
            Func<float, Color> shade)
        {
            Mesh mesh = renderer.GetComponent<MeshFilter>().sharedMesh;
            Vector3[] points = Array.ConvertAll(
                mesh.vertices, v => view.MultiplyPoint3x4(renderer.transform.TransformPoint(v)));
            for (int row = 0; row < target.height; row++)
            {
                for (int column = 0; column < target.width; column++)
                {
                    float x = (2 * (column + 0.5f) / target.width - 1 + projection.m02) / projection.m00;
                    float y = (2 * (row + 0.5f) / target.height - 1 + projection.m12) / projection.m11;
                    float depth = Nearest(points, mesh.triangles, new Vector3(x, y, -1));
                    int pixel = (isFlipped ? target.height - 1 - row : row) * target.width + column;
                    if (depth < target.Depth[pixel])
                    {
                        target.Depth[pixel] = depth;
                        Set(target, pixel, shade(depth));
                    }
                }
            }
        }

        /// <summary>Planar depth at which a ray from the origin hits triangles (Moeller and Trumbore 1997).</summary>
        static float Nearest(Vector3[] points, int[] triangles, Vector3 ray)
        {
            float nearest = float.PositiveInfinity;
            for (int k = 0; k < triangles.Length; k += 3)
            {
                Vector3 origin = points[triangles[k]];
                Vector3 a = points[triangles[k + 1]] - origin, b = points[triangles[k + 2]] - origin;
                Vector3 p = Vector3.Cross(ray, b);
                float determinant = Vector3.Dot(a, p);
                if (Math.Abs(determinant) < 1e-12f)
                {
                    continue;
                }

                Vector3 t = -1 * origin, q = Vector3.Cross(t, a);
                float u = Vector3.Dot(t, p) / determinant, v = Vector3.Dot(ray, q) / determinant;
                float depth = Vector3.Dot(b, q) / determinant;
                if (u >= -1e-6f && v >= -1e-6f && u + v <= 1 + 2e-6f && depth > 0 && depth < nearest)
                {
                    nearest = depth;
                }
            }

            return nearest;
        }
    }
}
