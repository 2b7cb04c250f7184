using System;
using System.Collections.Generic;
using UnityEngine.Experimental.Rendering;
using UnityEngine.Rendering;

namespace UnityEngine
{
    public enum ColorSpace
    {
        Gamma,
        Linear
    }

    public enum FilterMode
    {
        Point,
        Bilinear
    }

    public enum ScaleMode
    {
        StretchToFill,
        ScaleAndCrop,
        ScaleToFit
    }

    public enum RenderTextureFormat
    {
        ARGB32 = 0,
        ARGBFloat = 11,
        RGFloat = 12
    }

    public enum RenderTextureReadWrite
    {
        Default,
        Linear,
        sRGB
    }

    public enum CameraClearFlags
    {
        Skybox = 1,
        SolidColor = 2
    }

    public static class QualitySettings
    {
        public static ColorSpace activeColorSpace { get; set; } = ColorSpace.Linear;
    }

    public static class SystemInfo
    {
        public static bool supportsAsyncGPUReadback { get; set; } = true;

        public static bool HasRGFloat { get; set; } = true;

        public static GraphicsDeviceType graphicsDeviceType => GraphicsDeviceType.Vulkan;

        public static bool SupportsRenderTextureFormat(RenderTextureFormat format)
        {
            return format != RenderTextureFormat.RGFloat || HasRGFloat;
        }
    }

    public class Texture : Object
    {
    }

    public sealed class Texture2D : Texture
    {
        public static Texture2D whiteTexture { get; } = new Texture2D();
    }

    public sealed class RenderTexture : Texture
    {
        /// <summary>How many there are that were not released.</summary>
        public static int Alive { get; private set; }

        internal readonly float[] Values;
        internal readonly float[] Depth;

        public RenderTexture(int width, int height, int depth, GraphicsFormat format)
        {
            this.width = width;
            this.height = height;
            graphicsFormat = format;
            Values = new float[4 * width * height];
            Depth = new float[width * height];
            Alive++;
        }

        public RenderTexture(
            int width, int height, int depth, RenderTextureFormat format, RenderTextureReadWrite readWrite)
            : this(
                width, height, depth, format == RenderTextureFormat.RGFloat
                    ? GraphicsFormat.R32G32_SFloat
                    : GraphicsFormat.R32G32B32A32_SFloat)
        {
        }

        public int width { get; }

        public int height { get; }

        public GraphicsFormat graphicsFormat { get; }

        public int antiAliasing { get; set; }

        public FilterMode filterMode { get; set; }

        public bool useMipMap { get; set; }

        internal bool IsReleased { get; private set; }

        public bool Create() => true;

        public void Release()
        {
            Alive -= IsReleased ? 0 : 1;
            IsReleased = true;
        }

        public static RenderTexture GetTemporary(int width, int height, int depthBuffer)
        {
            return new RenderTexture(width, height, depthBuffer, GraphicsFormat.R8G8B8A8_UNorm);
        }

        public static void ReleaseTemporary(RenderTexture temporary)
        {
            temporary.Release();
        }
    }

    public sealed class Shader : Object
    {
        static readonly List<string> Names = new List<string>();

        public bool isSupported => true;

        public static int PropertyToID(string name)
        {
            Names.Add(name);
            return Names.Count - 1;
        }
    }

    public sealed class Material : Object
    {
        public Material(Shader shader)
        {
        }

        public Material(Material source)
        {
            color = source.color;
        }

        public Color color { get; set; } = Color.white;

        public int renderQueue { get; set; } = 2000;

        public void SetFloat(string name, float value)
        {
        }
    }

    public sealed class Mesh : Object
    {
        public Vector3[] vertices { get; set; }

        public Vector3[] normals { get; set; }

        public Vector2[] uv { get; set; }

        public int[] triangles { get; set; }

        public void RecalculateBounds()
        {
        }
    }

    public sealed class MeshFilter : Component
    {
        public Mesh sharedMesh { get; set; }
    }

    public class Renderer : Component
    {
        public bool enabled { get; set; } = true;

        public bool forceRenderingOff { get; set; }

        public bool isVisible { get; set; } = true;

        public ShadowCastingMode shadowCastingMode { get; set; } = ShadowCastingMode.On;

        public Material sharedMaterial { get; set; }

        public Bounds bounds
        {
            get
            {
                Vector3[] corners = GetComponent<MeshFilter>().sharedMesh.vertices;
                var all = new Bounds(transform.TransformPoint(corners[0]), Vector3.zero);
                foreach (Vector3 corner in corners)
                {
                    all.Encapsulate(new Bounds(transform.TransformPoint(corner), Vector3.zero));
                }

                return all;
            }
        }

        public void GetSharedMaterials(List<Material> materials)
        {
            materials.Clear();
            materials.Add(sharedMaterial);
        }
    }

    public sealed class MeshRenderer : Renderer
    {
    }

    public sealed class LODGroup : Component
    {
    }

    public static class Graphics
    {
        public static void ExecuteCommandBuffer(CommandBuffer buffer)
        {
            buffer.Run();
        }
    }

    public static class ImageConversion
    {
        /// <summary>Not JPEG: the bytes as they came, so that a test can tell whose they are.</summary>
        public static byte[] EncodeArrayToJPG(
            Array array, GraphicsFormat format, uint width, uint height, uint rowBytes = 0, int quality = 75)
        {
            return (byte[])((byte[])array).Clone();
        }
    }
}
