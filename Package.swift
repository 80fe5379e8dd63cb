// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    .treatWarning("DeprecatedDeclaration", as: .warning),
    // The installed program is one file, with the Swift standard library inside.
    .unsafeFlags(["-static-stdlib"], .when(configuration: .release)),
]

let linking: [LinkerSetting] = [
    .unsafeFlags(["-static-stdlib"], .when(configuration: .release))
]

let package = Package(
    name: "gpuspool",
    products: [.executable(name: "gpuspool", targets: ["gpuspool"])],
    targets: [
        // The header must not define _GNU_SOURCE (it breaks Swift's Glibc module); linux.c must.
        .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: settings),
        .target(name: "SpoolFormat", swiftSettings: settings),
        .target(
            name: "Spool", dependencies: ["Linux", "SpoolFormat"], swiftSettings: settings),
        // The Python pipelines and the demo's photo, as bytes inside the binary.
        .target(
            name: "Pipelines",
            exclude: ["protocol.py", "rules.py", "demo.jpg"]),
        // The files of systemd/, likewise.
        .target(name: "Units"),
        .target(
            name: "Worker", dependencies: ["Spool", "Linux", "SpoolFormat", "Pipelines"],
            swiftSettings: settings),
        .executableTarget(
            name: "gpuspool",
            dependencies: ["Worker", "Spool", "Linux", "SpoolFormat", "Pipelines", "Units"],
            swiftSettings: settings, linkerSettings: linking),
        // What the tests of several targets share.
        .target(
            name: "TestSupport", dependencies: ["Linux"], path: "Tests/Support",
            swiftSettings: settings),
        .testTarget(
            name: "LinuxTests", dependencies: ["Linux", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "SpoolFormatTests", dependencies: ["SpoolFormat"], swiftSettings: settings),
        .testTarget(
            name: "SpoolTests", dependencies: ["Spool", "SpoolFormat", "Linux", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "WorkerTests",
            dependencies: ["Worker", "Spool", "SpoolFormat", "Linux", "TestSupport"],
            swiftSettings: settings),
        // The built program as its users meet it: processes, files and exit codes.
        .testTarget(
            name: "gpuspoolTests",
            dependencies: ["gpuspool", "Spool", "SpoolFormat", "Linux", "TestSupport"],
            swiftSettings: settings),
    ],
    cLanguageStandard: .gnu2x
)
