using System;
using System.Globalization;
using System.IO;
using System.Threading;

/// <summary>Runs one part of the engine-free code: CoreProbe COMMAND [CULTURE], numbers on standard input.</summary>
static class Program
{
    static int Main(string[] arguments)
    {
        if (arguments.Length > 1 && arguments[1].Length > 0)
        {
            Thread.CurrentThread.CurrentCulture = new CultureInfo(arguments[1]);
        }

        switch (arguments[0])
        {
            case "vertical-fov":
                CameraCommands.VerticalFov();
                return 0;
            case "physical":
                CameraCommands.Physical();
                return 0;
            case "projection":
                CameraCommands.Projection();
                return 0;
            case "intrinsics-file":
                CameraCommands.IntrinsicsFile(arguments[2]);
                return 0;
            case "axes":
                AxisCommands.Run();
                return 0;
            case "dataset":
                DatasetCommands.Write(arguments[2], int.Parse(arguments[3]));
                return 0;
            case "measure":
                DatasetCommands.Measure();
                return 0;
            case "ledger":
                LedgerCommands.Run(int.Parse(arguments[2]), int.Parse(arguments[3]));
                return 0;
            case "only-failures":
                LedgerCommands.OnlyFailures(int.Parse(arguments[2]));
                return 0;
            case "allocation":
                LedgerCommands.Allocation(int.Parse(arguments[2]));
                return 0;
            case "stamps":
                MiscellaneousCommands.Stamps();
                return 0;
            case "palette":
                MiscellaneousCommands.Palette();
                return 0;
            case "layouts":
                MiscellaneousCommands.Layouts(int.Parse(arguments[2]));
                return 0;
            case "parents":
                MiscellaneousCommands.Parents();
                return 0;
            case "letterbox":
                MiscellaneousCommands.FitLetterbox();
                return 0;
            case "watch":
                MiscellaneousCommands.Watch();
                return 0;
            case "rows":
                MiscellaneousCommands.Rows();
                return 0;
            case "flip":
                MiscellaneousCommands.Flip();
                return 0;
            case "self-test":
                DiagnosticCommands.Run(arguments[2]);
                return 0;
            case "advice":
                DiagnosticCommands.Advice();
                return 0;
            case "json":
                MiscellaneousCommands.Json();
                return 0;
            default:
                Console.Error.WriteLine("unknown command " + arguments[0]);
                return 2;
        }
    }
}
