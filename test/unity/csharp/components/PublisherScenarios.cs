using System;
using System.Collections.Generic;
using System.Linq;
using RosMessageTypes.Geometry;
using RosMessageTypes.Rosgraph;
using RosMessageTypes.Sensor;
using RosMessageTypes.Tf2;
using RosMessageTypes.UnityDepthPerception;
using RosMessageTypes.Vision;
using Unity.Robotics.ROSTCPConnector;
using UnityDepthPerception;
using UnityDepthPerception.Ros;
using UnityEngine;
using UnityEngine.Rendering;

static class PublisherScenarios
{
    public const string Prefix = "/unity/camera";

    public static ROSConnection Connection => ROSConnection.GetOrCreateInstance();

    public static void Publish(int frames, int seed, bool isJpeg)
    {
        AsyncGPUReadback.Seed(seed);
        AsyncGPUReadback.LeastLatency = 0;
        AsyncGPUReadback.MostLatency = 4;
        AsyncGPUReadback.FailureRate = 0.03;
        ImageEncoding encoding = isJpeg ? ImageEncoding.Jpeg : ImageEncoding.Rgb8;
        Rig rig = Rig.Make(Prefix, TrueTopics.Depth | TrueTopics.Instances, encoding);
        var inbox = new Inbox();
        var random = new System.Random(seed);
        for (int k = 0; k < frames; k++)
        {
            StubPlayer.Step();
            Connection.Send(random.Next(4), false, inbox.Take);
        }

        rig.Publisher.enabled = false;
        Connection.Send(int.MaxValue, false, inbox.Take);
        SayCounts(rig.Publisher.Counts);
        Say.Values("published", ImageFrames(inbox, isJpeg).Count, "wrong", WrongFrames(inbox, isJpeg));
        Say.Values("overflows", Connection.AllTopics.Sum(topic => topic.Overflows), "textures", RenderTexture.Alive);
        foreach (string topic in inbox.Topics)
        {
            Say.Values("topic", topic);
        }
    }

    static List<int> ImageFrames(Inbox inbox, bool isJpeg)
    {
        return isJpeg
            ? inbox.Of<CompressedImageMsg>(Prefix + "/image_raw/compressed").Select(m => Rig.FrameOf(m.header)).ToList()
            : inbox.Of<ImageMsg>(Prefix + "/image_raw").Select(m => Rig.FrameOf(m.header)).ToList();
    }

    /// <summary>
    /// Frames in which something is not of the frame that its stamp says, or is missing, or is out of order.
    /// </summary>
    static int WrongFrames(Inbox inbox, bool isJpeg)
    {
        List<int> frames = ImageFrames(inbox, isJpeg), images = NumbersInImages(inbox, isJpeg);
        List<CameraInfoMsg> infos = inbox.Of<CameraInfoMsg>(Prefix + "/camera_info");
        List<PoseStampedMsg> poses = inbox.Of<PoseStampedMsg>(Prefix + "/camera_pose");
        List<TFMessageMsg> transforms = inbox.Of<TFMessageMsg>("/tf");
        List<ImageMsg> depths = inbox.Of<ImageMsg>(Prefix + "/ground_truth/depth");
        List<ImageMsg> ids = inbox.Of<ImageMsg>(Prefix + "/ground_truth/instances");
        List<LabelInfoMsg> labels = inbox.Of<LabelInfoMsg>(Prefix + "/ground_truth/label_info");
        int wrong = 0;
        for (int k = 0; k < frames.Count; k++)
        {
            int frame = frames[k];
            bool isRight = (k == 0 || frame > frames[k - 1]) && images[k] == frame
                && new[] { infos[k].header, poses[k].header, transforms[k].transforms[0].header, depths[k].header,
                    ids[k].header, labels[k].header }.All(h => Rig.FrameOf(h) == frame)
                && Math.Abs(infos[k].k[4] - 3 / Math.Tan(Rig.FieldOfView(frame) * Math.PI / 360)) < 1e-4
                && infos[k].p[0] == infos[k].k[0] && infos[k].k[2] == 3.5 && infos[k].k[5] == 2.5
                && poses[k].pose.position.y == -frame && transforms[k].transforms[0].transform.translation.y == -frame
                && Math.Abs(BitConverter.ToSingle(depths[k].data, 4 * 20) - Rig.Distance(frame)) < 1e-4
                && BitConverter.ToUInt16(ids[k].data, 2 * 20) == 1
                && labels[k].class_map[0].class_id == 1 && labels[k].class_map[0].class_name == "grey_square";
            wrong += isRight ? 0 : 1;
        }

        return wrong;
    }

    /// <summary>
    /// Number of the frame in each image: in the lower left pixel, the first of the last row, or the first that is
    /// read back.
    /// </summary>
    static List<int> NumbersInImages(Inbox inbox, bool isJpeg)
    {
        return isJpeg
            ? inbox.Of<CompressedImageMsg>(Prefix + "/image_raw/compressed").Select(m => Rig.NumberIn(m.data, 0)).ToList()
            : inbox.Of<ImageMsg>(Prefix + "/image_raw").Select(m => Rig.NumberIn(m.data, 3 * 8 * 5)).ToList();
    }

    public static void Resize()
    {
        Rig rig = Rig.Make(Prefix, TrueTopics.None);
        var inbox = new Inbox();
        Run(10, inbox);
        rig.Publisher.Image = CaptureSettings.OfSize(12, 4);
        Run(10, inbox);
        foreach (var group in inbox.Of<ImageMsg>(Prefix + "/image_raw").GroupBy(m => m.width + "x" + m.height))
        {
            Say.Values("size", group.Key, group.Count() > 5, group.All(m => m.data.Length == m.height * m.step));
        }

        rig.Publisher.enabled = false;
        SayCounts(rig.Publisher.Counts);
        Say.Values("textures", RenderTexture.Alive, "pending", AsyncGPUReadback.Waiting);
    }

    public static void Unsupported()
    {
        SystemInfo.supportsAsyncGPUReadback = false;
        Rig rig = Rig.Make(Prefix, TrueTopics.Depth);
        Run(3, new Inbox());
        Say.Values("problem", rig.Publisher.Problem);
        SystemInfo.supportsAsyncGPUReadback = true;
        Resources.Missing.Add("UnityDepthPerception/DepthAndId");
        rig.Publisher.enabled = false;
        rig.Publisher.enabled = true;
        Say.Values("problem", rig.Publisher.Problem);
        Resources.Missing.Clear();
        rig.Publisher.enabled = false;
        rig.Publisher.enabled = true;
        rig.View.orthographic = true;
        Run(3, new Inbox());
        Say.Values("problem", rig.Publisher.Problem);
        rig.View.orthographic = false;
        AsyncGPUReadback.GivesTooLittle = true;
        Run(5, new Inbox());
        Say.Values("problem", rig.Publisher.Problem);
        Say.Values("failed", rig.Publisher.Counts.Failed > 0);
        AsyncGPUReadback.GivesTooLittle = false;
        Run(5, new Inbox());
        Say.Values("mended", rig.Publisher.Problem == null);
        Say.Values("told", Debug.Lines.FindAll(line => line.StartsWith("error")).Count);
        Debug.Lines.Clear();
    }

    public static void Aspect()
    {
        Rig rig = Rig.Make(Prefix, TrueTopics.None);
        rig.View.aspect = 2;
        var inbox = new Inbox();
        Run(5, inbox);
        SayPixels("reset", inbox);
        CaptureSettings settings = rig.Publisher.Image;
        settings.keepAspect = true;
        rig.Publisher.Image = settings;
        rig.Publisher.enabled = false;
        rig.Publisher.enabled = true;
        rig.View.aspect = 2;
        Run(5, inbox);
        SayPixels("kept", inbox);
        Say.Values("target", rig.View.targetTexture == null, rig.Publisher.ColorTexture != null);
    }

    /// <summary>A render that throws is a failed frame, and the next ones come.</summary>
    public static void BrokenRender()
    {
        Rig rig = Rig.Make(Prefix, TrueTopics.None);
        HDAdditionalCameraData data = rig.gameObject.AddComponent<HDAdditionalCameraData>();
        var inbox = new Inbox();
        Action<Camera> render = Camera.OnRender;
        Run(3, inbox);
        Camera.OnRender = camera => throw new InvalidOperationException("a script of the user's");
        Run(5, inbox);
        Camera.OnRender = render;
        Run(5, inbox);
        rig.Publisher.enabled = false;
        SayCounts(rig.Publisher.Counts);
        Say.Values("history", data.hasPersistentHistory, rig.View.targetTexture == null);
        Debug.Lines.RemoveAll(line => line.Contains("a script of the user's"));
    }

    public static void Truth()
    {
        Rig rig = Rig.Make(Prefix, TrueTopics.Objects);
        rig.Square.localScale = new Vector3(0.2f, 0.2f, 1);
        rig.Publisher.Image = CaptureSettings.OfSize(80, 60);
        var inbox = new Inbox();
        Run(10, inbox);
        ObjectDistanceArrayMsg message = inbox.Of<ObjectDistanceArrayMsg>(Prefix + "/ground_truth/objects").Last();
        ObjectDistanceMsg item = message.objects.Single();
        double expected = Rig.Distance(Rig.FrameOf(message.header));
        Say.Values(
            "object", item.id, item.parent_id, item.category, Math.Abs(item.distance.median - expected) < 1e-4,
            message.depth_model, item.bbox.width == item.bbox.height, Math.Abs(item.range - expected) < 0.02);
    }

    public static void Clock()
    {
        new GameObject("One").AddComponent<RosClockPublisher>();
        new GameObject("Two").AddComponent<RosClockPublisher>();
        Rig.Make(Prefix, TrueTopics.None).Publisher.Stamps = StampClock.Unix;
        var inbox = new Inbox();
        Run(20, inbox);
        List<double> times = inbox.Of<ClockMsg>("/clock").Select(m => m.clock.sec + m.clock.nanosec * 1e-9).ToList();
        Say.Values("clock", times.Count > 15, times.Distinct().Count() == times.Count, Math.Round(times.Last(), 6));
        double stamp = inbox.Of<CameraInfoMsg>(Prefix + "/camera_info").Last().header.stamp.sec;
        Say.Values("unix", Math.Abs(stamp - (DateTime.UtcNow - new DateTime(1970, 1, 1)).TotalSeconds) < 10);
    }

    static void SayPixels(string name, Inbox inbox)
    {
        CameraInfoMsg info = inbox.Of<CameraInfoMsg>(Prefix + "/camera_info").Last();
        Say.Values(name, Math.Round(info.k[0] / info.k[4], 4));
    }

    public static void Run(int frames, Inbox inbox)
    {
        for (int k = 0; k < frames; k++)
        {
            StubPlayer.Step();
            Connection.Send(10, false, inbox.Take);
        }
    }

    public static void SayCounts(FrameCounts counts)
    {
        Say.Values("counts", counts.Requested, counts.Sent, counts.Dropped, counts.Failed, counts.InFlight);
    }
}
