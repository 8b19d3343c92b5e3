# For those who expect node-gyp (after npm run build:ts): one target that hands over to cmake-js, so that sources and
# flags stand in CMakeLists.txt only. The package itself does not use this file and does not ship it.
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
          "action": ["node", "<(module_root_dir)/tools/build-native.mjs", "--config", "<(CONFIGURATION_NAME)"]
        }
      ]
    }
  ]
}
