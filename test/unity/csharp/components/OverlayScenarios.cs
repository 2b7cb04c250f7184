using RosMessageTypes.Sensor;
using RosMessageTypes.UnityDepthPerception;
using Unity.Robotics.ROSTCPConnector;
using UnityDepthPerception.Ros;
using UnityEngine;
using UnityEngine.SceneManagement;

static class OverlayScenarios
{
    const string Topic = "/unity/perception/objects/distances";

    public static void Draw()
    {
        for (int load = 0; load < 2; load++)
        {
            SceneManager.Load(Make);
            StubPlayer.Step();
            StubPlayer.Step();
            ROSConnection.GetOrCreateInstance().Receive(Topic, Message());
            GUI.Drawn.Clear();
            StubPlayer.Step();
            Show("fresh");
        }

        GUI.Drawn.Clear();
        Event.current.type = EventType.Layout;
        StubPlayer.Step();
        Show("layout");
        Event.current.type = EventType.Repaint;
        for (int k = 0; k < 20; k++)
        {
            StubPlayer.Step();
        }

        GUI.Drawn.Clear();
        StubPlayer.Step();
        Show("stale");
    }

    static void Make()
    {
        Rig rig = Rig.Make("/unity/camera", TrueTopics.None);
        Screen.width = 32;
        Screen.height = 12;
        rig.gameObject.AddComponent<ObjectDistanceOverlay>().CameraPublisher = rig.Publisher;
    }

    static ObjectDistanceArrayMsg Message()
    {
        var message = new ObjectDistanceArrayMsg();
        message.objects = new[]
        {
            new ObjectDistanceMsg
            {
                id = 3, parent_id = 1, category = "red_cube", bbox = new RegionOfInterestMsg(1, 2, 3, 4, false),
                distance = new DistanceStatisticsMsg { median = 1.2345f }
            },
            new ObjectDistanceMsg
            {
                id = 1, parent_id = -1, category = "blue_cube", bbox = new RegionOfInterestMsg(0, 0, 1, 1, false),
                distance = new DistanceStatisticsMsg { median = float.NaN }
            }
        };
        return message;
    }

    static void Show(string name)
    {
        foreach (string line in GUI.Drawn)
        {
            Say.Values(name, line);
        }

        Say.Values(name, GUI.Drawn.Count);
    }
}
