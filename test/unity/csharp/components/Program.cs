using System;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Threading;
using UnityEngine;

/// <summary>Runs one scenario of the components in the stub player: ComponentProbe SCENARIO [ARGUMENT...].</summary>
static class Program
{
    static int Main(string[] arguments)
    {
        Thread.CurrentThread.CurrentCulture = new CultureInfo("de-DE");
        foreach (string name in new[]
        {
            "StubConnector", "UnityDepthPerception", "UnityDepthPerception.Messages", "UnityDepthPerception.Ros"
        })
        {
            Assembly.Load(name);
        }

        StubPlayer.Begin(AppDomain.CurrentDomain.GetAssemblies().Where(a => !a.GlobalAssemblyCache).ToArray());
        try
        {
            return Run(arguments[0], arguments.Skip(1).ToArray());
        }
        finally
        {
            foreach (string line in Debug.Lines)
            {
                Console.Out.WriteLine(line);
            }
        }
    }

    static int Run(string scenario, string[] rest)
    {
        switch (scenario)
        {
            case "publish":
                PublisherScenarios.Publish(int.Parse(rest[0]), int.Parse(rest[1]), rest[2] == "jpeg");
                break;
            case "resize":
                PublisherScenarios.Resize();
                break;
            case "reload":
                ConnectionScenarios.Reload();
                break;
            case "reconnect":
                ConnectionScenarios.Reconnect();
                break;
            case "two-cameras":
                ConnectionScenarios.TwoCameras();
                break;
            case "slow-connection":
                ConnectionScenarios.SlowConnection();
                break;
            case "wrong-address":
                ConnectionScenarios.WrongAddress();
                break;
            case "not-started":
                ConnectionScenarios.NotStarted();
                break;
            case "unsupported":
                PublisherScenarios.Unsupported();
                break;
            case "aspect":
                PublisherScenarios.Aspect();
                break;
            case "broken-render":
                PublisherScenarios.BrokenRender();
                break;
            case "truth":
                PublisherScenarios.Truth();
                break;
            case "clock":
                PublisherScenarios.Clock();
                break;
            case "dataset":
                DatasetScenarios.Capture(rest[0], int.Parse(rest[1]), int.Parse(rest[2]));
                break;
            case "changed-camera":
                DatasetScenarios.ChangedCamera(rest[0]);
                break;
            case "self-test":
                CameraScenarios.SelfTest(rest[0]);
                break;
            case "export":
                CameraScenarios.Export(rest[0], rest[1]);
                break;
            case "labels":
                CameraScenarios.Labels();
                break;
            case "meshes":
                CameraScenarios.Meshes();
                break;
            case "overlay":
                OverlayScenarios.Draw();
                break;
            default:
                Console.Error.WriteLine("unknown scenario " + scenario);
                return 2;
        }

        return 0;
    }
}
