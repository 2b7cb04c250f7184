using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>Meshes made in code, so that no physics module and no asset is needed.</summary>
    static class SimpleMeshes
    {
        /// <summary>A square of edge 1 around the origin that faces against z, as a camera sees it.</summary>
        public static Mesh Square()
        {
            var mesh = new Mesh { name = "Square" };
            mesh.vertices = new[]
            {
                new Vector3(-0.5f, -0.5f, 0), new Vector3(-0.5f, 0.5f, 0), new Vector3(0.5f, 0.5f, 0),
                new Vector3(0.5f, -0.5f, 0)
            };
            mesh.normals = new[] { Vector3.back, Vector3.back, Vector3.back, Vector3.back };
            mesh.triangles = new[] { 0, 1, 2, 0, 2, 3 };
            mesh.RecalculateBounds();
            return mesh;
        }

        /// <summary>A cube of edge 1 around the origin.</summary>
        public static Mesh Cube()
        {
            Vector3[] forwards =
            {
                Vector3.forward, Vector3.back, Vector3.left, Vector3.right, Vector3.up, Vector3.down
            };
            var vertices = new Vector3[24];
            var normals = new Vector3[24];
            var uv = new Vector2[24];
            var triangles = new int[36];
            for (int face = 0; face < 6; face++)
            {
                Vector3 normal = forwards[face];
                Vector3 up = Mathf.Abs(normal.y) > 0.5f ? Vector3.forward : Vector3.up;
                Vector3 right = Vector3.Cross(normal, up);
                for (int corner = 0; corner < 4; corner++)
                {
                    float x = corner < 2 ? -0.5f : 0.5f, y = corner == 1 || corner == 2 ? 0.5f : -0.5f;
                    vertices[4 * face + corner] = 0.5f * normal + x * right + y * up;
                    normals[4 * face + corner] = normal;
                    uv[4 * face + corner] = new Vector2(x + 0.5f, y + 0.5f);
                }

                int first = 4 * face;
                int[] order = { first, first + 1, first + 2, first, first + 2, first + 3 };
                order.CopyTo(triangles, 6 * face);
            }

            var mesh = new Mesh { name = "Cube" };
            mesh.vertices = vertices;
            mesh.normals = normals;
            mesh.uv = uv;
            mesh.triangles = triangles;
            mesh.RecalculateBounds();
            return mesh;
        }
    }
}
