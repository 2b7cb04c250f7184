using System.Collections.Generic;
using System.Linq;
using RosMessageTypes.Sensor;
using RosMessageTypes.Tf2;
using Unity.Robotics.ROSTCPConnector;
using UnityDepthPerception.Ros;
using UnityEngine;
using UnityEngine.SceneManagement;

static class ConnectionScenarios
{
    public static void Reload()
    {
        var inbox = new Inbox();
        for (int k = 0; k < 4; k++)
        {
            SceneManager.Load(() =>
            {
                new GameObject("ROSConnection").AddComponent<ROSConnection>();
                Rig.Make(PublisherScenarios.Prefix, TrueTopics.None);
            });
            int before = inbox.Of<ImageMsg>(PublisherScenarios.Prefix + "/image_raw").Count;
            PublisherScenarios.Run(10, inbox);
            Say.Values("published", inbox.Of<ImageMsg>(PublisherScenarios.Prefix + "/image_raw").Count - before > 5);
        }

        Say.Values("connections", ROSConnection.Connections);
    }

    public static void Reconnect()
    {
        Rig.Make(PublisherScenarios.Prefix, TrueTopics.None);
        var inbox = new Inbox();
        for (int k = 0; k < 6; k++)
        {
            int before = inbox.Of<ImageMsg>(PublisherScenarios.Prefix + "/image_raw").Count;
            PublisherScenarios.Connection.Answers = true;
            PublisherScenarios.Run(10, inbox);
            Say.Values("published", inbox.Of<ImageMsg>(PublisherScenarios.Prefix + "/image_raw").Count - before > 5);
            StubPlayer.Step();
            StubPlayer.Step();
            PublisherScenarios.Connection.Send(int.MaxValue, true, inbox.Take);
            PublisherScenarios.Connection.Answers = false;
            StubPlayer.Step();
        }

        RosLinkState();
    }

    public static void TwoCameras()
    {
        Rig.Make("/unity/left", TrueTopics.None);
        Rig.Make("/unity/right", TrueTopics.None);
        var inbox = new Inbox();
        PublisherScenarios.Run(50, inbox);
        Say.Values("left", inbox.Of<ImageMsg>("/unity/left/image_raw").Count > 40);
        Say.Values("right", inbox.Of<ImageMsg>("/unity/right/image_raw").Count > 40);
        Say.Values("tf", inbox.Of<TFMessageMsg>("/tf").Count > 80);
    }

    public static void SlowConnection()
    {
        Rig rig = Rig.Make(PublisherScenarios.Prefix, TrueTopics.None);
        var inbox = new Inbox();
        for (int k = 0; k < 200; k++)
        {
            StubPlayer.Step();
            PublisherScenarios.Connection.Send(k % 5 == 0 ? 1 : 0, false, inbox.Take);
        }

        rig.Publisher.enabled = false;
        PublisherScenarios.Connection.Send(int.MaxValue, false, inbox.Take);
        PublisherScenarios.SayCounts(rig.Publisher.Counts);
        List<ImageMsg> images = inbox.Of<ImageMsg>(PublisherScenarios.Prefix + "/image_raw");
        Say.Values("torn", images.Count(m => Rig.NumberIn(m.data, 3 * 8 * 5) != Rig.FrameOf(m.header)));
        Say.Values("overflows", PublisherScenarios.Connection.AllTopics.Sum(topic => topic.Overflows));
    }

    public static void WrongAddress()
    {
        Rig rig = Rig.Make(PublisherScenarios.Prefix, TrueTopics.None);
        PublisherScenarios.Connection.RosIPAddress = "10.0.0.9";
        PublisherScenarios.Connection.Answers = false;
        int frames = 0;
        while (!Debug.Lines.Any(line => line.Contains("No answer")) && frames < 100)
        {
            StubPlayer.Step();
            frames++;
        }

        Say.Values("seconds", frames * StubPlayer.FrameTime);
        PublisherScenarios.SayCounts(rig.Publisher.Counts);
        RosLinkState();
    }

    public static void NotStarted()
    {
        ROSConnection connection = new GameObject("ROSConnection").AddComponent<ROSConnection>();
        connection.ConnectOnStart = false;
        Rig.Make(PublisherScenarios.Prefix, TrueTopics.None);
        PublisherScenarios.Run(100, new Inbox());
        connection.Connect();
        PublisherScenarios.Run(3, new Inbox());
    }

    static void RosLinkState()
    {
        Say.Values("state", RosLink.Current.State, RosLink.Current.Description);
    }
}
