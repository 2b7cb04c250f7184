using System.Collections.Generic;
using RosMessageTypes.Geometry;
using RosMessageTypes.Sensor;
using RosMessageTypes.Std;
using Unity.Robotics.ROSTCPConnector;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;
using UnityDepthPerception;
using UnityDepthPerception.Ros;
using UnityEngine;

/// <summary>
/// A camera that moves in every frame before a labelled square that recedes. Each image carries the number of its
/// frame in its lower left pixel, and so do, in their own ways, pose, intrinsics and depth.
/// </summary>
sealed class Rig : MonoBehaviour
{
    public const double FirstFieldOfView = 40;

    public RosCameraPublisher Publisher;
    public Camera View;
    public Transform Square;

    public static Rig Make(string prefix, TrueTopics truth, ImageEncoding encoding = ImageEncoding.Rgb8)
    {
        var square = new GameObject("Square");
        square.AddComponent<MeshFilter>().sharedMesh = SquareMesh();
        square.AddComponent<MeshRenderer>().sharedMaterial = new Material(new Shader());
        square.AddComponent<ObjectLabel>().Category = "grey_square";
        square.transform.localScale = new Vector3(500, 500, 1);
        var holder = new GameObject("Camera");
        var rig = holder.AddComponent<Rig>();
        rig.View = holder.AddComponent<Camera>();
        rig.Square = square.transform;
        rig.Publisher = holder.AddComponent<RosCameraPublisher>();
        rig.Publisher.Image = CaptureSettings.OfSize(8, 6);
        rig.Publisher.Topics.prefix = prefix;
        rig.Publisher.Topics.tf = true;
        rig.Publisher.Topics.truth = truth;
        rig.Publisher.Topics.encoding = encoding;
        rig.Publisher.Stamps = StampClock.Game;
        rig.Publisher.RateHz = 1000;
        return rig;
    }

    public static Mesh SquareMesh()
    {
        return new Mesh
        {
            vertices = new[]
            {
                new Vector3(-0.5f, -0.5f, 0), new Vector3(-0.5f, 0.5f, 0), new Vector3(0.5f, 0.5f, 0),
                new Vector3(0.5f, -0.5f, 0)
            },
            triangles = new[] { 0, 1, 2, 0, 2, 3 }
        };
    }

    public static int FrameOf(HeaderMsg header)
    {
        double seconds = header.stamp.sec + header.stamp.nanosec * 1e-9;
        return (int)System.Math.Round(seconds / StubPlayer.FrameTime);
    }

    public static int NumberIn(byte[] pixels, int at) => pixels[at] + 256 * pixels[at + 1] + 65536 * pixels[at + 2];

    public static double FieldOfView(int frame) => FirstFieldOfView + frame % 100 * 0.3;

    public static double Distance(int frame) => 1 + frame * 0.001;

    void Awake()
    {
        Camera.OnRender = camera =>
        {
            int n = Time.frameCount;
            var code = new Color((n & 255) / 255f, ((n >> 8) & 255) / 255f, (n >> 16) / 255f);
            StubGpu.Set(camera.targetTexture, 0, code);
        };
    }

    void Update()
    {
        int frame = Time.frameCount;
        View.fieldOfView = (float)FieldOfView(frame);
        View.transform.position = new Vector3(frame, 0, 0);
        Square.position = new Vector3(frame, 0, (float)Distance(frame));
    }
}
