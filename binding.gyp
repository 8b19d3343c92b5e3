# For those who expect node-gyp: one target that hands over to cmake-js, so that sources and flags stand in
# CMakeLists.txt only. The package itself does not use this file and does not ship it.
{
  "targets": [
    {
      "target_name": "gmem",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake_js",
          "inputs": [
            "CMakeLists.txt",
            "<!@(node -p \"require('fs').readdirSync('native',{recursive:true}).filter(f=>/\\.(cc|h)$/.test(f)).map(f=>'native/'+f).join(' ')\")"
          ],
          "outputs": ["<(module_root_dir)/build/<(CONFIGURATION_NAME)/gmem.node"],
          "action": [
            "node", "<(module_root_dir)/node_modules/cmake-js/bin/cmake-js", "build",
            "-d", "<(module_root_dir)", "-O", "<(module_root_dir)/build/cmake-<(CONFIGURATION_NAME)",
            "-B", "<(CONFIGURATION_NAME)", "-T", "gmem"
          ]
        }
      ]
    }
  ]
}
